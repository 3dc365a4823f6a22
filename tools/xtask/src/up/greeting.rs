//! What to do with the system once it runs.

use std::time::Duration;

use crate::console::Console;
use crate::system::Addresses;

const SIGN_UP: &str = r#"{"email":"ann@example.com","firstName":"Ann","password":"blue-lantern-42"}"#;
const LOG_IN: &str = r#"{"email":"ann@example.com","password":"blue-lantern-42"}"#;

pub(super) fn show(console: &Console, addresses: &Addresses, took: Duration) {
    console.step(&format!("ready after {:.1} s", took.as_secs_f32()));
    text(addresses).lines().for_each(|line| console.line(line));
}

fn text(addresses: &Addresses) -> String {
    let rest = format!("http://localhost:{}", addresses.port);
    // Two terminals sit on two gateways; HAProxy sees to that by itself.
    let sockets: Vec<String> = if addresses.proxied {
        vec![format!("ws://localhost:{}/", addresses.port)]
    } else {
        addresses.gateways.iter().map(|gateway| format!("ws://localhost:{}/", gateway.http)).collect()
    };
    let gateway = |number: usize| {
        if addresses.proxied {
            String::new()
        } else {
            format!(" --gateway {}", sockets[number % sockets.len()])
        }
    };
    format!(
        "\n  REST        {rest}/\n  Swagger UI  {rest}/api/\n  WebSocket   {}\n\n\
         Sign up and log in:\n\n\
         \x20 curl -s {rest}/auth/sign-up -H 'content-type: application/json' -d '{SIGN_UP}'\n\
         \x20 curl -s {rest}/auth/login -H 'content-type: application/json' -d '{LOG_IN}'\n\n\
         Chat, each line in a terminal of its own:\n\n\
         \x20 cargo xtask chat --url {rest}{} --sign-up --first-name Ann --email ann@example.com --password blue-lantern-42\n\
         \x20 cargo xtask chat --url {rest}{} --sign-up --first-name Bob --email bob@example.com --password green-kettle-17\n\n\
         Ctrl-C stops everything; the data stay (`cargo xtask reset` deletes them).\n",
        sockets.join("  "),
        gateway(0),
        gateway(1),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::Listeners;

    fn addresses(proxied: bool) -> Addresses {
        let gateways = [3001, 3002].map(|http| Listeners { http, admin: 1 }).to_vec();
        Addresses { port: 3000, proxied, grpc: 1, accounts: Listeners { http: 3000, admin: 1 }, gateways }
    }

    #[test]
    fn behind_haproxy_there_is_one_origin() {
        let text = text(&addresses(true));
        assert!(text.contains("ws://localhost:3000/") && !text.contains("3001"), "{text}");
    }

    #[test]
    fn without_haproxy_the_two_terminals_use_two_gateways() {
        let text = text(&addresses(false));
        let chats: Vec<_> = text.lines().filter(|line| line.contains("xtask chat")).collect();
        assert!(chats[0].contains("--gateway ws://localhost:3001/"), "{text}");
        assert!(chats[1].contains("--gateway ws://localhost:3002/"), "{text}");
    }
}
