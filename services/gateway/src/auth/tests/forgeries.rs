//! Tokens that somebody made up or bent.

use super::*;

/// Unpadded base64url, so that tokens can be built that no library would write.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let bits = chunk.iter().fold(0_usize, |bits, byte| bits << 8 | usize::from(*byte))
            << (8 * (3 - chunk.len()));
        text.extend((0..=chunk.len()).map(|at| char::from(ALPHABET[bits >> (18 - 6 * at) & 63])));
    }
    text
}

struct Case {
    signer: Signer,
    verifier: TokenVerifier,
}

impl Case {
    fn new() -> Self {
        let signer = Signer::new("k1", Algorithm::EdDSA);
        let verifier = verifier(&[&signer]);
        Self { signer, verifier }
    }

    fn refuses(&self, token: &str, expected: AuthError, why: &str) {
        assert_eq!(self.verifier.verify(token, at(NOW)).map(|_| ()), Err(expected), "{why}");
    }

    fn refuses_header(&self, change: impl FnOnce(&mut Header), expected: AuthError, why: &str) {
        self.refuses(&self.signer.token(|header, _| change(header)), expected, why);
    }

    fn refuses_claim(&self, key: &str, value: Value) {
        let why = format!("{key}: {value}");
        self.refuses(&self.signer.token(|_, claims| claims[key] = value), AuthError::Claims, &why);
    }
}

#[test]
fn algorithms_other_than_the_keys() {
    let case = Case::new();
    let token = case.signer.token(|_, _| {});
    let [_, payload, signature] = token.split('.').collect::<Vec<_>>().try_into().unwrap();
    for name in ["none", "None", "NONE", "nOnE", "", "EdDsa", "RS512x"] {
        let header = base64(json!({"alg": name, "typ": "at+jwt", "kid": "k1"}).to_string().as_bytes());
        for signature in ["", signature] {
            case.refuses(&format!("{header}.{payload}.{signature}"), AuthError::Malformed, name);
        }
    }
    for name in ["HS256", "ES256", "RS256", "PS256"] {
        let header = base64(json!({"alg": name, "typ": "at+jwt", "kid": "k1"}).to_string().as_bytes());
        case.refuses(&format!("{header}.{payload}.{signature}"), AuthError::Signature, name);
    }
}

#[test]
fn shared_secrets() {
    let case = Case::new();
    let public_key = ring(&[&case.signer]).find("k1").unwrap().key.try_get_as_bytes().unwrap().to_vec();
    for secret in [b"hello".as_slice(), &public_key] {
        let symmetric = Signer { key: EncodingKey::from_secret(secret), public: case.signer.public.clone() };
        let token = symmetric.token_with(Algorithm::HS256);
        case.refuses(&token, AuthError::Signature, "signed with a shared secret");
    }
}

impl Signer {
    fn token_with(&self, algorithm: Algorithm) -> String {
        self.token(|header, _| header.alg = algorithm)
    }
}

#[test]
fn a_key_is_good_for_one_algorithm() {
    let (ed, ec) = (Signer::new("ed", Algorithm::EdDSA), Signer::new("ec", Algorithm::ES256));
    let verifier = verifier(&[&ed, &ec]);
    assert!(verifier.verify(&ed.token(|_, _| {}), at(NOW)).is_ok());
    assert!(verifier.verify(&ec.token(|_, _| {}), at(NOW)).is_ok());
    for token in [
        ed.token(|header, _| header.kid = Some("ec".to_owned())),
        ec.token(|header, _| header.kid = Some("ed".to_owned())),
    ] {
        assert_eq!(verifier.verify(&token, at(NOW)).map(|_| ()), Err(AuthError::Signature));
    }
}

#[test]
fn bent_tokens() {
    let case = Case::new();
    let token = case.signer.token(|_, _| {});
    let [header, payload, signature] = token.split('.').collect::<Vec<_>>().try_into().unwrap();
    // The last character of 64 bytes in base64 carries two bits; the others must be zero.
    let last = signature.chars().last().unwrap();
    let sloppy = format!("{}{}", &signature[..signature.len() - 1], char::from(last as u8 + 1));
    let foreign = Signer::new("k1", Algorithm::EdDSA).token(|_, _| {});
    let other_claims =
        base64(br#"{"iss":"messenger-accounts","aud":"messenger","exp":1800000900,"iat":1800000000,"id":1}"#);
    for (token, expected, why) in [
        (String::new(), AuthError::Malformed, "empty"),
        ("hello".to_owned(), AuthError::Malformed, "no token at all"),
        ("..".to_owned(), AuthError::Malformed, "empty parts"),
        (format!("{header}.{payload}"), AuthError::Malformed, "no signature part"),
        (format!("{header}.{payload}."), AuthError::Signature, "empty signature"),
        (format!("{header}.{payload}.{}", &signature[..40]), AuthError::Signature, "cut signature"),
        (format!("{header}.{other_claims}.{signature}"), AuthError::Signature, "other claims"),
        (format!("{token}.x"), AuthError::Malformed, "a part too many"),
        (format!("{token}="), AuthError::Signature, "padding"),
        (format!("{header}.{payload}.{sloppy}"), AuthError::Signature, "non-canonical base64"),
        (foreign, AuthError::Signature, "key of somebody else under our id"),
        (format!("{token}{}", " ".repeat(4_096)), AuthError::Malformed, "too long"),
        (format!(" {token}"), AuthError::Malformed, "leading space"),
    ] {
        case.refuses(&token, expected, why);
    }
}

#[test]
fn any_flipped_bit() {
    let case = Case::new();
    let token = case.signer.token(|_, _| {});
    assert!(case.verifier.verify(&token, at(NOW)).is_ok());
    for at_byte in 0..token.len() {
        let mut bytes = token.clone().into_bytes();
        bytes[at_byte] ^= 1;
        let Ok(bent) = String::from_utf8(bytes) else { continue };
        assert!(case.verifier.verify(&bent, at(NOW)).is_err(), "byte {at_byte}");
    }
}

#[test]
fn headers() {
    let case = Case::new();
    let text = |text: &str| Some(text.to_owned());
    for typ in [None, text("JWT"), text("rt+jwt"), text("id+jwt"), text("")] {
        case.refuses_header(|header| header.typ = typ, AuthError::Malformed, "another type of token");
    }
    case.refuses_header(|header| header.kid = None, AuthError::UnknownKey, "no key id");
    for kid in ["", "k2", "../k1", "k1'--"] {
        case.refuses_header(|header| header.kid = text(kid), AuthError::UnknownKey, kid);
    }
    case.refuses_header(|header| header.crit = Some(vec!["b64".to_owned()]), AuthError::Malformed, "crit");
    case.refuses_header(|header| header.extras.insert("zip", "DEF"), AuthError::Malformed, "zip");
}

#[test]
fn a_key_in_the_header_is_not_used() {
    let (case, attacker) = (Case::new(), Signer::new("k1", Algorithm::EdDSA));
    let forged = attacker.token(|header, _| {
        header.jwk = Some(attacker.public.clone());
        header.jku = Some("http://127.0.0.1:9/jwks.json".to_owned());
        header.x5u = Some("http://127.0.0.1:9/x5u".to_owned());
    });
    case.refuses(&forged, AuthError::Signature, "a key that came along");
}

#[test]
fn claims() {
    let case = Case::new();
    for (key, values) in BTreeMap::from([
        (
            "iss",
            vec![json!("other"), json!("Messenger-Accounts"), json!(["messenger-accounts"]), Value::Null],
        ),
        (
            "aud",
            vec![json!("other"), json!(["messenger"]), json!(["messenger", "x"]), json!(""), Value::Null],
        ),
        (
            "exp",
            vec![
                json!("1800000900"),
                json!(1e308),
                json!(1.5),
                json!(NOW + 10 * 31_536_000),
                json!(i64::MAX),
            ],
        ),
        ("iat", vec![json!(NOW + 3_600), json!("x"), json!(NOW - 90_000), Value::Null]),
        ("nbf", vec![json!(NOW + 3_600), json!("x")]),
        (
            "id",
            vec![
                json!(0),
                json!(-7),
                json!("7"),
                json!(7.0),
                json!(true),
                json!(1e19),
                json!([7]),
                Value::Null,
            ],
        ),
        ("email", vec![json!(5)]),
        ("firstName", vec![json!({"a": 1})]),
    ]) {
        for value in values {
            case.refuses_claim(key, value);
        }
    }
    for key in ["iss", "aud", "exp", "iat", "id"] {
        let without = case.signer.token(|_, claims| drop(claims.as_object_mut().unwrap().remove(key)));
        case.refuses(&without, AuthError::Claims, key);
    }
    let long_gone = case.signer.token(|_, claims| {
        claims["iat"] = (NOW - 4_000).into();
        claims["exp"] = (NOW - 3_000).into();
    });
    case.refuses(&long_gone, AuthError::Expired, "expired");
}
