//! Hosts, interface addresses and API addresses.

use schemas::values::{Host, InterfaceIp};
use serde_json::{Value, json};

use super::{Checked, characters, letters, longest};

#[test]
fn host() {
    longest::<Host>(Host::MAX_LEN, letters);
    let checked = Checked::<Host>::new();
    checked.all(
        &[
            "10.20.61.92",
            "ntp.example.com",
            "a",
            "a-b.c",
            "::",
            "::1",
            "fd00::56:45",
            "1:2:3:4:5:6:7:8",
            "::ffff:10.0.0.1",
        ],
        true,
    );
    checked.all(
        &[
            "a..b",
            ".a",
            "a.",
            "-a",
            "a-",
            "a.-b",
            "a-.b",
            "a_b",
            ":",
            ":::",
            "::1::",
            "1:2",
            "12345::",
            "fe80::1%eth0",
            "[::1]",
            "a:22",
            "10.0.0.1:22",
            "::g",
            "1:2:3:4:5:6:7:8:9",
            "::1/64",
        ],
        false,
    );
    for c in characters() {
        let expected = c.is_ascii_alphanumeric() || ".-".contains(c);
        assert_eq!(checked.takes(&format!("host{c}name")), expected, "{c:?}");
        checked.takes(&format!("fd00::{c}:1"));
        checked.takes(&format!("{c}name"));
        checked.takes(&format!("name{c}"));
    }
}

#[test]
fn interface_ip() {
    let checked = Checked::<InterfaceIp>::new();
    let good = [
        "dhcp",
        "10.20.61.92/20",
        "0.0.0.0/0",
        "255.255.255.255/32",
        "1.2.3.4/9",
    ];
    checked.all(&good, true);
    for text in good {
        assert_eq!(text.parse::<InterfaceIp>().unwrap().to_string(), text);
    }
    checked.all(
        &[
            "",
            "DHCP",
            "dhcp/20",
            "10.0.0.1",
            "10.0.0.1/",
            "10.0.0.1/33",
            "10.0.0.1/+8",
            "10.0.0.1/08",
            "10.0.0.1/-1",
            "10.0.0/8",
            "256.0.0.1/8",
            "01.0.0.1/8",
            "10.0.0.1/8 ",
            " dhcp",
            "10.0.0.1/8\n",
            "::1/64",
            "10.0.0.1/8/8",
            "10.0.0.1/8;a",
        ],
        false,
    );
}

#[test]
fn api_url() {
    let schema: Value =
        serde_json::from_str(include_str!("../../json/inventory.schema.json")).unwrap();
    let schema = jsonschema::options()
        .should_validate_formats(true)
        .build(&schema)
        .unwrap();
    let takes = |url: &str| {
        let inventory = json!({ "deployments": [{
            "name": "dc1", "api_url": url, "user": "efa", "password_secret": "efa", "nodes": [], "devices": [],
        }] });
        let by_schema = schema.is_valid(&inventory);
        let read = serde_json::from_value::<schemas::inventory::Inventory>(inventory);
        assert_eq!(read.is_ok(), by_schema, "{url:?}");
        by_schema
    };
    for good in [
        "https://10.20.246.103/v1",
        "https://efa.example.com",
        "https://efa:8078/v1/",
        "https://[fd00::1]/v1",
        "https://[::1]:443/a/b-c",
        "https://a/",
    ] {
        assert!(takes(good), "{good}");
    }
    for bad in [
        "",
        "https://",
        "https:///v1",
        "http://efa/v1",
        "HTTPS://efa",
        "https://user:pw@efa/v1",
        "https://efa/v1?a=b",
        "https://efa/v1#a",
        "https://efa//",
        "https://efa//v1",
        "https://efa:/v1",
        "https://efa:123456",
        "https://efa:1:2",
        "https://[::1/v1",
        "https://[]/v1",
        "https://[::1]x/v1",
        "https://::1/v1",
        "https://e fa",
        "https://efa/v1\n",
        "https://efa/%2e",
    ] {
        assert!(!takes(bad), "{bad}");
    }
    for c in characters() {
        takes(&format!("https://e{c}fa/v1"));
        takes(&format!("https://efa/v{c}1"));
        takes(&format!("https://efa{c}"));
    }
    assert!(takes(&format!("https://{}", letters(247))));
    assert!(!takes(&format!("https://{}", letters(248))));
}
