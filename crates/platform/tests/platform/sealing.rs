//! What is sealed is what the specification says.

use parlance_domain::sealing::{Label, Sealed, Sealer};
use parlance_platform::{AesGcmSealer, EncryptionKey};
use secrecy::ExposeSecret;
use serde_json::Value;

const VECTORS: &str = include_str!("../../../../docs/specification/vectors/sealing.json");

fn bytes(hexadecimal: &str) -> Vec<u8> {
    (0..hexadecimal.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hexadecimal[at..at + 2], 16).unwrap())
        .collect()
}

fn label(case: &Value) -> Label {
    let kind = match case["kind"].as_str().unwrap() {
        "example" => "example",
        _ => "provider-key",
    };
    let parts = case["parts"].as_array().unwrap();
    parts.iter().fold(Label::new(kind), |label, part| {
        label.with(bytes(part.as_str().unwrap()))
    })
}

#[test]
fn what_another_implementation_sealed_opens() {
    let vectors: Value = serde_json::from_str(VECTORS).unwrap();
    let key: EncryptionKey = vectors["key"].as_str().unwrap().parse().unwrap();
    let keys = AesGcmSealer::new(vec![key]);
    let cases = vectors["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 3);
    for case in cases {
        let label = label(case);
        assert_eq!(
            label.associated_data(),
            bytes(case["associatedData"].as_str().unwrap())
        );
        let text = case["sealed"].as_str().unwrap();
        let sealed: Sealed = text.parse().unwrap();
        assert_eq!(sealed.encode(), text);
        let secret = keys.open(&label, &sealed).unwrap();
        assert_eq!(
            secret.expose_secret(),
            case["secret"].as_str().unwrap().as_bytes()
        );
    }
}
