//! Compares text with an example of the documentation, in which `<number>` and `<time>` stand for what differs each
//! time. The order of keys counts.

/// What stands in for the placeholders, in their order.
///
/// # Panics
/// When the text is not like the example.
pub(crate) fn like(text: &str, example: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = text;
    let fail = |rest: &str| -> ! { panic!("not like the example from {rest:?} on\n{text}\n{example}") };
    let mut parts = example.split('<');
    let first = parts.next().unwrap();
    rest = rest.strip_prefix(first).unwrap_or_else(|| fail(rest));
    for part in parts {
        let (placeholder, literal) = part.split_once('>').unwrap();
        let length = match placeholder {
            "number" => rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len()),
            "time" => "2023-07-28T13:20:09.896Z".len(),
            other => panic!("unknown placeholder {other}"),
        };
        let (value, after) = rest.split_at_checked(length).unwrap_or_else(|| fail(rest));
        if value.is_empty() || (placeholder == "time" && !is_time(value)) {
            fail(rest);
        }
        found.push(value.to_owned());
        rest = after.strip_prefix(literal).unwrap_or_else(|| fail(after));
    }
    if !rest.is_empty() {
        fail(rest);
    }
    found
}

fn is_time(text: &str) -> bool {
    let shape = |c: char| if c.is_ascii_digit() { '0' } else { c };
    text.chars().map(shape).eq("0000-00-00T00:00:00.000Z".chars())
}

#[test]
fn placeholders_take_what_they_stand_for_and_nothing_else() {
    let example = r#"{"id":<number>,"at":"<time>"}"#;
    let found = like(r#"{"id":65,"at":"2023-07-28T13:20:09.896Z"}"#, example);
    assert_eq!(found, ["65", "2023-07-28T13:20:09.896Z"]);
    for other in [
        r#"{"id":,"at":"2023-07-28T13:20:09.896Z"}"#,
        r#"{"id":65,"at":"2023-07-28T13:20:09.896"}"#,
        r#"{"id":65,"at":"2023-07-28T13:20:09.896Z"} "#,
        r#"{"at":"2023-07-28T13:20:09.896Z","id":65}"#,
    ] {
        assert!(std::panic::catch_unwind(|| like(other, example)).is_err(), "{other}");
    }
}
