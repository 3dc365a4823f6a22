//! What a typed line means. Pure.

/// A line of the user, understood.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Help,
    Chats {
        page: u32,
    },
    Open {
        whom: String,
    },
    Users {
        search: Option<String>,
    },
    NewGroup {
        name: String,
    },
    /// Without a group, to the open one; so do the others that may name one.
    Add {
        group: Option<String>,
        user: String,
    },
    Remove {
        group: Option<String>,
        user: String,
    },
    Leave {
        group: Option<String>,
    },
    Rename {
        name: String,
    },
    Block {
        user: String,
    },
    Unblock {
        user: String,
    },
    Blocked,
    Admin {
        group: Option<String>,
        user: String,
    },
    History {
        page: u32,
    },
    Older,
    Quit,
    Say {
        text: String,
    },
    Nothing,
}

/// The text of `/help`.
pub(crate) const HELP: &str = "\
/chats [PAGE]         your chats, newest first (also /list)
/open USER|GROUP      open a chat; what you type goes there
/older                older messages of the open chat
/history [PAGE]       its messages by pages, newest first
/users [SEARCH]       users, or those whose name matches
/group NAME           make a group and open it (also /create)
/add [GROUP] USER     add a user to a group
/remove [GROUP] USER  remove a user from a group of yours
/rename NAME          give the open group another name
/leave [GROUP]        leave a group
/admin [GROUP] USER   make a member of a group of yours an admin
/block USER           neither of you can write to the other any more
/unblock USER         take that back
/blocked              whom you have blocked
/quit                 end (also Ctrl-D)
Anything else is sent to the open chat; //text sends /text.
USER is @7, 7 or a name; GROUP is #3 or a name (where only a group can be meant also 3), or the open one where it is
left out. Times are UTC.";

impl Command {
    /// Understands a line; the error is a sentence for the user.
    pub(crate) fn parse(line: &str) -> Result<Self, String> {
        let line = line.trim();
        if line.is_empty() {
            return Ok(Self::Nothing);
        }
        let Some(command) = line.strip_prefix('/') else {
            return Ok(Self::Say { text: line.to_owned() });
        };
        if command.starts_with('/') {
            return Ok(Self::Say { text: command.to_owned() });
        }
        let (word, rest) = command.split_once(char::is_whitespace).unwrap_or((command, ""));
        let rest = rest.trim();
        match word {
            "help" | "h" | "?" => Ok(Self::Help),
            "chats" | "list" => Ok(Self::Chats { page: page(rest)? }),
            "open" => Ok(Self::Open { whom: needed(rest, "/open USER|GROUP")? }),
            "users" => Ok(Self::Users { search: given(rest) }),
            "group" | "create" => Ok(Self::NewGroup { name: needed(rest, "/group NAME")? }),
            "add" => {
                let (group, user) = member(rest, "/add [GROUP] USER")?;
                Ok(Self::Add { group, user })
            }
            "remove" => {
                let (group, user) = member(rest, "/remove [GROUP] USER")?;
                Ok(Self::Remove { group, user })
            }
            "rename" => Ok(Self::Rename { name: needed(rest, "/rename NAME")? }),
            "leave" => Ok(Self::Leave { group: given(rest) }),
            "admin" => {
                let (group, user) = member(rest, "/admin [GROUP] USER")?;
                Ok(Self::Admin { group, user })
            }
            "block" => Ok(Self::Block { user: needed(rest, "/block USER")? }),
            "unblock" => Ok(Self::Unblock { user: needed(rest, "/unblock USER")? }),
            "blocked" => Ok(Self::Blocked),
            "history" => Ok(Self::History { page: page(rest)? }),
            "older" => Ok(Self::Older),
            "quit" | "q" | "exit" => Ok(Self::Quit),
            other => Err(format!("There is no command /{other}. /help lists them.")),
        }
    }
}

fn needed(rest: &str, form: &str) -> Result<String, String> {
    if rest.is_empty() { Err(format!("Write it as {form}.")) } else { Ok(rest.to_owned()) }
}

fn given(rest: &str) -> Option<String> {
    (!rest.is_empty()).then(|| rest.to_owned())
}

/// The last word is the user, what is before it the group.
fn member(rest: &str, form: &str) -> Result<(Option<String>, String), String> {
    let (group, user) = rest.rsplit_once(char::is_whitespace).unwrap_or(("", rest));
    Ok((given(group.trim()), needed(user, form)?))
}

fn page(rest: &str) -> Result<u32, String> {
    match rest {
        "" => Ok(1),
        number => number
            .parse()
            .ok()
            .filter(|page| *page > 0)
            .ok_or_else(|| "A page is a number from 1.".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_mean_what_help_says() {
        let text = |text: &str| text.to_owned();
        let table = [
            ("/help", Command::Help),
            ("/chats", Command::Chats { page: 1 }),
            ("/chats 2", Command::Chats { page: 2 }),
            ("/open  Patrick 0 ", Command::Open { whom: text("Patrick 0") }),
            ("/users", Command::Users { search: None }),
            ("/users pat", Command::Users { search: Some(text("pat")) }),
            ("/group new name", Command::NewGroup { name: text("new name") }),
            ("/add new name @7", Command::Add { group: Some(text("new name")), user: text("@7") }),
            ("/add Bob", Command::Add { group: None, user: text("Bob") }),
            ("/remove #3  Bob", Command::Remove { group: Some(text("#3")), user: text("Bob") }),
            ("/remove 7", Command::Remove { group: None, user: text("7") }),
            ("/rename old  friends", Command::Rename { name: text("old  friends") }),
            ("/create new name", Command::NewGroup { name: text("new name") }),
            ("/list 2", Command::Chats { page: 2 }),
            ("/leave #3", Command::Leave { group: Some(text("#3")) }),
            ("/leave", Command::Leave { group: None }),
            ("/admin #3 Bob", Command::Admin { group: Some(text("#3")), user: text("Bob") }),
            ("/block Bob the second", Command::Block { user: text("Bob the second") }),
            ("/unblock @7", Command::Unblock { user: text("@7") }),
            ("/blocked", Command::Blocked),
            ("/older", Command::Older),
            ("/history 3", Command::History { page: 3 }),
            ("/quit", Command::Quit),
            ("  hello /open ", Command::Say { text: text("hello /open") }),
            ("//open", Command::Say { text: text("/open") }),
            ("   ", Command::Nothing),
        ];
        for (line, command) in table {
            assert_eq!(Command::parse(line), Ok(command), "{line}");
        }
    }

    #[test]
    fn what_cannot_be_understood_is_told() {
        for line in [
            "/open",
            "/group ",
            "/add",
            "/remove ",
            "/rename",
            "/block",
            "/unblock ",
            "/history 0",
            "/chats x",
            "/dance",
        ] {
            assert!(Command::parse(line).is_err(), "{line}");
        }
    }
}
