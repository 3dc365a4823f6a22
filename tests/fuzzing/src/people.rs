//! What people say of themselves: what is accepted keeps its rules, and means the same when it is read again.

use messenger_accounts::domain::{Email, Name, SearchText, UserAgent, UserId};

pub(crate) fn people(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(email) = Email::parse(text) {
        let canonical = email.canonical();
        assert!(canonical.len() <= 254 && !canonical.contains(char::is_control), "{canonical:?}");
        assert_eq!(canonical.matches('@').count(), 1, "{canonical:?}");
        match Email::parse(canonical) {
            Ok(again) => assert_eq!(again.canonical(), canonical),
            Err(_) => panic!("{canonical:?} is not accepted again"),
        }
    }
    if let Ok(name) = Name::parse(text) {
        let name = name.as_str();
        assert!(!name.trim().is_empty() && !name.contains(char::is_control), "{name:?}");
        assert!(name.chars().count() <= 64, "{name:?}");
        assert!(
            Name::parse(name).is_ok_and(|again| again.as_str() == name),
            "{name:?} is not accepted again"
        );
    }
    if let Ok(search) = SearchText::parse(text) {
        assert!(!search.as_str().is_empty() && !search.as_str().contains('\0'));
    }
    if let Some(agent) = UserAgent::parse(text) {
        assert!(!agent.as_str().contains(char::is_control), "{:?}", agent.as_str());
    }
    if let Ok(id) = UserId::parse(text) {
        assert!(id.get() > 0);
    }
}
