//! Every checked type: what it takes, what it refuses, and that its JSON Schema says the same.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "values/addresses.rs"]
mod addresses;

use schemars::{JsonSchema, schema_for};
use schemas::values::{
    DistinguishedName, EncodedSecret, HostName, ImagePath, Label, RemotePath, Requester,
    SecretName, TimeZone, UserName,
};
use serde::de::DeserializeOwned;
use serde_json::json;

/// What SLX-OS, a shell, a URL or a terminal would take as something else than text.
const INTERPRETED: &str = ";|&`$<>(){}[]!*?\"'\\^#%@ \t\r\n\0\x07\x1b\x7f";
const BEYOND_ASCII: [char; 11] = [
    'é', 'ß', '\u{85}', '\u{a0}', '\u{ad}', '\u{200b}', '\u{2028}', '\u{202e}', '\u{2066}', '；',
    '💥',
];

/// A type with its schema.
struct Checked<T> {
    schema: jsonschema::Validator,
    kind: std::marker::PhantomData<T>,
}

impl<T: DeserializeOwned + JsonSchema> Checked<T> {
    fn new() -> Self {
        let schema = jsonschema::options()
            .should_validate_formats(true)
            .build(&schema_for!(T).to_value())
            .unwrap();
        Self {
            schema,
            kind: std::marker::PhantomData,
        }
    }

    /// Whether the type takes a text. The schema must agree.
    fn takes(&self, text: &str) -> bool {
        let value = json!(text);
        let by_schema = self.schema.is_valid(&value);
        let by_type = serde_json::from_value::<T>(value).is_ok();
        assert_eq!(
            by_type,
            by_schema,
            "{} and its schema disagree on {text:?}",
            std::any::type_name::<T>()
        );
        by_type
    }

    #[track_caller]
    fn all(&self, texts: &[&str], expected: bool) {
        for text in texts {
            assert_eq!(self.takes(text), expected, "{text:?}");
        }
    }
}

fn characters() -> impl Iterator<Item = char> {
    (0..128u8).map(char::from).chain(BEYOND_ASCII)
}

/// Puts each character into the middle of `good`: taken if it is a letter, a digit or one of
/// `extra`. Puts it at the ends and beside others too: the schema must agree there.
#[track_caller]
fn only<T: DeserializeOwned + JsonSchema>(good: &str, extra: &str) {
    let checked = Checked::<T>::new();
    assert!(checked.takes(good), "{good}");
    assert!(!extra.contains(|c| INTERPRETED.contains(c)));
    assert!(!checked.takes(""));
    let (head, tail) = good.split_at(good.len() / 2);
    for c in characters() {
        let expected = c.is_ascii_alphanumeric() || extra.contains(c);
        assert_eq!(
            checked.takes(&format!("{head}{c}{tail}")),
            expected,
            "{c:?}"
        );
        let texts = [
            c.to_string(),
            format!("{c}{good}"),
            format!("{good}{c}"),
            format!("{head}{c}{c}{tail}"),
        ];
        for text in texts {
            assert!(!checked.takes(&text) || expected, "{text:?}");
        }
        for other in ".-_/~:,=+".chars() {
            for place in ["", head] {
                checked.takes(&format!("{place}{c}{other}"));
                checked.takes(&format!("{place}{other}{c}{tail}"));
                checked.takes(&format!("{place}{other}{other}{c}"));
            }
        }
    }
}

#[track_caller]
fn longest<T: DeserializeOwned + JsonSchema>(max: usize, make: impl Fn(usize) -> String) {
    let checked = Checked::<T>::new();
    for (len, expected) in [
        (max - 1, true),
        (max, true),
        (max + 1, false),
        (100_000, false),
    ] {
        let text = make(len);
        assert_eq!(text.chars().count(), len);
        assert_eq!(checked.takes(&text), expected, "{len} characters");
    }
}

fn letters(len: usize) -> String {
    "a".repeat(len)
}

#[test]
fn image_path() {
    only::<ImagePath>("/images/tpvm", "._+~-/");
    longest::<ImagePath>(ImagePath::MAX_LEN, |len| format!("/{}", letters(len - 1)));
    let checked = Checked::<ImagePath>::new();
    checked.all(
        &[
            "/a",
            "/..a",
            "/.a",
            "/...",
            "/a/..b",
            "/a~1+2_3.deb",
            "/~root/a",
        ],
        true,
    );
    checked.all(
        &[
            "/", "a", "a/b", "/a/", "//a", "/a//b", "/.", "/..", "/a/./b", "/a/../b", "/-rf",
            "/a/-b",
        ],
        false,
    );
    let path: ImagePath = "/images/new/tpvm.deb".parse().unwrap();
    assert_eq!(
        (path.directory(), path.file_name()),
        ("/images/new", "tpvm.deb")
    );
    let path: ImagePath = "/tpvm.deb".parse().unwrap();
    assert_eq!((path.directory(), path.file_name()), ("/", "tpvm.deb"));
}

#[test]
fn user_name() {
    only::<UserName>("extreme", "._-");
    longest::<UserName>(UserName::MAX_LEN, letters);
    let checked = Checked::<UserName>::new();
    checked.all(&["_apt", "A", "a-b.c_d"], true);
    checked.all(&["-a", "1a", ".a", "a b"], false);
}

#[test]
fn secret_name() {
    let checked = Checked::<SecretName>::new();
    checked.all(&["tpvm1-sudo", "0", "a.b_c"], true);
    checked.all(
        &["Tpvm", "aB", "../a", ".a", "-a", "a/b", "a=b", "a b"],
        false,
    );
    longest::<SecretName>(SecretName::MAX_LEN, letters);
    for c in characters() {
        let expected = c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c);
        assert_eq!(checked.takes(&format!("a{c}b")), expected, "{c:?}");
    }
}

#[test]
fn requester_is_any_text_on_one_line() {
    let checked = Checked::<Requester>::new();
    checked.all(&["efa:extreme", "Jörg <j@example.com>", "a; b", "💥"], true);
    for c in characters() {
        let breaks = c.is_control() || ['\u{2028}', '\u{202e}', '\u{2066}'].contains(&c);
        assert_eq!(checked.takes(&format!("a{c}b")), !breaks, "{c:?}");
    }
    longest::<Requester>(Requester::MAX_LEN, letters);
    // Characters are counted, as JSON Schema does, not bytes.
    longest::<Requester>(Requester::MAX_LEN, |len| "é".repeat(len));
}

#[test]
fn label() {
    only::<Label>("SLX9250-32C", "._-");
    longest::<Label>(Label::MAX_LEN, letters);
    Checked::<Label>::new().all(&["-a", ".a", "_a"], false);
}

#[test]
fn host_name() {
    only::<HostName>("tpvm2", "-");
    longest::<HostName>(HostName::MAX_LEN, letters);
    Checked::<HostName>::new().all(&["-a", "a-", "-", "a.b", "a_b"], false);
}

#[test]
fn time_zone() {
    only::<TimeZone>("America/Los_Angeles", "_+-/");
    longest::<TimeZone>(TimeZone::MAX_LEN, letters);
    Checked::<TimeZone>::new().all(&["Etc/GMT+5", "UTC"], true);
    Checked::<TimeZone>::new().all(&["/etc/passwd", "../a", "-a"], false);
}

#[test]
fn distinguished_name() {
    only::<DistinguishedName>("dc=example,dc=com", "=,._+-");
    longest::<DistinguishedName>(DistinguishedName::MAX_LEN, letters);
}

#[test]
fn remote_path() {
    only::<RemotePath>("/certs/ldap", "._+~-/");
    longest::<RemotePath>(RemotePath::MAX_LEN, letters);
    let checked = Checked::<RemotePath>::new();
    checked.all(
        &[
            "ca.pem", "/", "/a/", "./a", ".", "a/.b", "...", "a/..b", "a/-b", "a//b",
        ],
        true,
    );
    checked.all(
        &["..", "../a", "a/..", "a/../b", "/..", "-a", "~a", "~"],
        false,
    );
}

#[test]
fn encoded_secret() {
    let checked = Checked::<EncodedSecret>::new();
    checked.all(&["$9$kzV7Zq1c0mA=="], true);
    longest::<EncodedSecret>(EncodedSecret::MAX_LEN, letters);
    for c in characters() {
        let expected = c.is_ascii_alphanumeric() || "$+/=._-".contains(c);
        assert_eq!(checked.takes(&format!("$9${c}a")), expected, "{c:?}");
    }
    let secret: EncodedSecret = "$9$c2VjcmV0".parse().unwrap();
    assert_eq!(format!("{secret:?}"), "[redacted]");
}

#[test]
fn a_refusal_does_not_repeat_the_value() {
    let error = "hunter2; reboot".parse::<ImagePath>().unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("invalid image path: expected an absolute path")
    );
    assert!(!error.to_string().contains("hunter2"));
}
