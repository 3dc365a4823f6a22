//! Whatever comes, and whatever is said.

use proptest::prelude::*;

use super::*;

/// Values of JSON, some of them as a client would send them.
fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        ".{0,20}".prop_map(Value::from),
        Just(json!(7)),
        Just(json!(KEY)),
    ];
    leaf.prop_recursive(3, 20, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map(".{0,8}", inner, 0..4).prop_map(Value::from_iter),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_gets_an_answer(text in ".{0,200}") {
        let request = decode(&text);
        let error = request.command.err().unwrap_or(GatewayError::Internal);
        let answer = parse(&Dialect::V2.reply(&request.tag, &Err(error)));
        prop_assert!(answer["type"].is_string() && answer["code"].is_string(), "{}", answer);
    }

    #[test]
    fn a_request_with_any_parameter_gets_an_answer_with_its_id(
        which in 0..requests().len(),
        key in prop::sample::select(vec![
            "conversationId", "receiverId", "groupId", "content", "clientMessageId", "replyTo", "since", "positions",
            "after", "before", "limit", "cursor", "seq", "name", "clientGroupId", "userId", "userIds", "token",
        ]),
        value in values(),
    ) {
        let mut request = requests()[which].clone();
        request["params"][key] = value;
        let decoded = decode(&request.to_string());
        let answer = parse(&Dialect::V2.reply(&decoded.tag, &Err(GatewayError::Internal)));
        prop_assert_eq!((&answer["type"], &answer["requestId"]), (&request["type"], &request["requestId"]));
    }

    #[test]
    fn every_text_comes_out_as_it_went_in(content: String, name: String) {
        let mut said = event(EntryKind::Message, None, &content);
        said.author.name = Some(name.as_str().into());
        let frame = parse(&Dialect::V2.event(&said).expect("a frame"));
        prop_assert_eq!(frame["params"]["content"].as_str(), Some(content.as_str()));
        prop_assert_eq!(frame["params"]["senderName"].as_str(), Some(name.as_str()));
    }
}
