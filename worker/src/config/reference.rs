//! The configuration reference, `docs/configuration.md`, written from the types themselves.

use schemars::schema_for;
use serde_json::Value;

use super::Config;

const HEAD: &str = "\
# Configuration of the worker

`tpvm-worker --config worker.toml` reads one TOML file. Every key has a default, unknown keys are
refused, and `tpvm-worker --config worker.toml --check-config` tells what is wrong with a file.
Durations are written like `90s`, `10m` or `1h 30m`.

Two URLs come from the environment, since they hold passwords:

- `DATABASE_URL` for Postgres: `postgres://<user>:<password>@<host>:<port>/<database>`, with the
  parameters `sslmode` (`disable`, `prefer`, `require`, `verify-ca`, `verify-full`), `sslrootcert`
  (a PEM file of CAs, with `verify-ca` and `verify-full`), `sslcert` and `sslkey` (PEM files),
  `host` (also a folder with a socket), `port`, `dbname`, `user`, `password`, `options` and
  `statement-cache-capacity`.
- `AMQP_URL` for RabbitMQ: `amqp://<user>:<password>@<host>:<port>/<vhost>`, or `amqps://` for TLS,
  with the parameter `cacertfile` (a PEM file of CAs, beside the system's).

Special characters in them are percent-encoded. Any other parameter is refused, not ignored.
`--check-config` checks both, if they are set, without connecting. `TPVM_WORKER_CONFIG` names the file in place of
`--config`; `RUST_LOG` sets what is logged.

This page is generated from the code: `cargo xtask generate`.
";

/// The page, in Markdown.
pub fn markdown() -> String {
    let schema = schema_for!(Config).to_value();
    let defaults = serde_json::to_value(Config::default()).unwrap_or_default();
    let mut page = HEAD.to_owned();
    for (section, property) in entries(&schema["properties"]) {
        let definition = resolve(&schema, property);
        page += &format!("\n## `[{section}]`\n\n{}\n\n", text(property));
        page += "| key | default | meaning |\n|---|---|---|\n";
        for (key, property) in entries(&definition["properties"]) {
            let default = match &defaults[section][key] {
                Value::Null => "–".to_owned(),
                value => format!("`{value}`"),
            };
            let choices = choices(resolve(&schema, property));
            page += &format!("| `{key}` | {default} | {}{choices} |\n", text(property));
        }
    }
    page
}

fn entries(properties: &Value) -> impl Iterator<Item = (&String, &Value)> {
    properties.as_object().into_iter().flatten()
}

/// What a property refers to, or itself.
fn resolve<'a>(schema: &'a Value, property: &'a Value) -> &'a Value {
    let reference = property["$ref"]
        .as_str()
        .or_else(|| property["items"]["$ref"].as_str());
    let definition = reference.and_then(|reference| reference.strip_prefix('#'));
    definition
        .and_then(|pointer| schema.pointer(pointer))
        .unwrap_or(property)
}

/// The values of an enumeration, each with its meaning.
fn choices(definition: &Value) -> String {
    let choices = definition["oneOf"].as_array().into_iter().flatten();
    choices
        .map(|choice| format!(" `{}`: {}", choice["const"], text(choice)))
        .collect()
}

fn text(schema: &Value) -> String {
    schema["description"]
        .as_str()
        .unwrap_or_default()
        .replace('\n', " ")
}
