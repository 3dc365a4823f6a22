//! Frames at the edge: cut, deep, with odd ids, and what is answered to them.

use proptest::prelude::*;

use super::*;

#[test]
fn nothing_may_stand_before_or_after_a_request() {
    let list = r#"{"type":"listConversations","params":{"limit":5}}"#;
    for frame in [format!("{list}x"), format!("{list}{list}"), format!("\u{FEFF}{list}"), format!("[{list}]")]
    {
        assert_eq!(decode(&frame).command, Err(GatewayError::Malformed), "{frame}");
    }
    assert!(decode(&format!("\r\n\t {list} \n")).command.is_ok());
}

#[test]
fn a_type_is_compared_as_text_and_to_the_letter() {
    assert!(decode(r#"{"type":"res\u0075me"}"#).command.is_ok());
    for kind in ["", "Resume", "resume ", "unknown", "hello", "entry"] {
        let request = decode(&json!({ "type": kind }).to_string());
        assert_eq!((request.tag.kind(), request.command), ("unknown", Err(GatewayError::UnknownType)));
    }
}

#[test]
fn a_parameter_that_comes_twice_is_malformed() {
    let request = decode(r#"{"type":"leaveGroup","params":{"conversationId":1,"conversationId":1}}"#);
    assert_eq!((request.tag.kind(), request.command), ("leaveGroup", Err(GatewayError::Malformed)));
}

#[test]
fn depth_does_no_harm() {
    let deep = format!("{}{}", "[".repeat(15_000), "]".repeat(15_000));
    let unknown = format!(r#"{{"x":{deep},"type":"leaveGroup","params":{{"y":{deep},"conversationId":1}}}}"#);
    assert!(decode(&unknown).command.is_ok());
    for (kind, key) in [("leaveGroup", "conversationId"), ("resume", "positions"), ("addMembers", "userIds")]
    {
        for value in [&deep, &format!("[{deep}]"), &format!(r#"{{"7":{deep}}}"#)] {
            let request = decode(&format!(r#"{{"type":"{kind}","params":{{"{key}":{value}}}}}"#));
            assert_eq!((request.tag.kind(), request.command.unwrap_err().code()), (kind, "invalid_params"));
        }
    }
    assert_eq!(decode(&format!(r#"{{"type":{deep}}}"#)).command, Err(GatewayError::Malformed));
    assert_eq!(decode(&"[".repeat(30_000)).command, Err(GatewayError::Malformed));
}

#[test]
fn a_request_id_comes_back_as_it_was_written() {
    let answer = |kind: &str, id: &str| {
        let request =
            decode(&format!(r#"{{"requestId":{id},"type":"{kind}","params":{{"conversationId":1}}}}"#));
        Dialect::V2.reply(&request.tag, &request.command.map(|_| Reply::Changed(Seq(2))))
    };
    let longest = format!("\"{}\"", "x".repeat(126));
    for id in ["0", "-7", "18446744073709551616", r#""""#, r#""a\u0041\n""#, longest.as_str()] {
        let done = format!(r#"{{"type":"leaveGroup","requestId":{id},"success":true,"params":{{"seq":2}}}}"#);
        assert_eq!(answer("leaveGroup", id), done);
        let unknown = format!(r#"{{"type":"unknown","requestId":{id},"error":true,"code":"unknown_type","#);
        assert!(answer("nothing", id).starts_with(&unknown), "{id}");
    }
    for id in ["1.5", "1e3", "true", "[]", "{}", r#""\ud800""#, &"9".repeat(129)] {
        let refused = answer("leaveGroup", id);
        assert_eq!(parse(&refused)["code"], "invalid_params");
        assert!(!refused.contains("\"requestId\""), "{refused}");
    }
    assert!(!answer("leaveGroup", "null").contains("requestId"));
}

#[test]
fn a_repeated_message_is_told_so_and_an_answer_of_the_other_dialect_is_a_fault() {
    let tag = decode(r#"{"type":"sendMessage"}"#).tag;
    let (_, Reply::Sent { to, receipt }) = replies().remove(0) else { panic!("a receipt") };
    let again = Reply::Sent { to, receipt: Receipt { duplicate: true, ..receipt } };
    assert_eq!(parse(&Dialect::V2.reply(&tag, &Ok(again)))["params"]["duplicate"], true);
    for stray in [Reply::Chats(Vec::new()), Reply::DialogHistory(Vec::new()), Reply::GroupHistory(Vec::new())]
    {
        assert_eq!(parse(&Dialect::V2.reply(&tag, &Ok(stray)))["code"], "internal");
    }
}

#[test]
fn nothing_that_is_pushed_has_an_email_and_a_token_is_not_printed() {
    for event in events() {
        assert!(!Dialect::V2.event(&event).unwrap().contains("mail.com"));
    }
    let request = decode(r#"{"type":"authenticate","params":{"token":"secret"}}"#);
    assert!(request.command.is_ok() && !format!("{request:?}").contains("secret"));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_cut_frame_is_malformed(which in 0..requests().len(), at in any::<prop::sample::Index>()) {
        let frame = requests()[which].to_string();
        prop_assert_eq!(decode(&frame[..at.index(frame.len())]).command, Err(GatewayError::Malformed));
    }

    #[test]
    fn any_id_that_is_one_is_repeated_and_no_other(kind in "resume|nothing", text in "\\PC{0,70}", number: i64, real: f64) {
        for id in [json!(text), json!(number), json!(real), json!([number]), json!({"id": text})] {
            let is_one = (id.is_string() || id.is_i64()) && id.to_string().len() <= 128;
            let request = decode(&json!({"type": kind, "requestId": id}).to_string());
            let outcome = request.command.map(|_| Reply::Changed(Seq(2)));
            let answer = Dialect::V2.reply(&request.tag, &outcome);
            prop_assert!(!answer.bytes().any(|byte| byte < 0x20), "{}", answer);
            let answered = parse(&answer);
            prop_assert_eq!(answered.get("requestId"), is_one.then_some(&id));
        }
    }
}
