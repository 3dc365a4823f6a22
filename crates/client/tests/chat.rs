//! The terminal client as a program, over a pipe, against the whole system.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop there")]

use std::process::Stdio;
use std::time::Duration;

use messenger_support::{Cluster, ClusterOptions};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

/// Within this, whatever must happen has happened, on a machine that is busy with other tests.
const SOON: Duration = Duration::from_secs(30);

struct Chat {
    program: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    /// All lines so far, for whoever looks at a failure.
    said: Vec<String>,
}

impl Chat {
    async fn start(cluster: &Cluster, gateway: usize, name: &str) -> Self {
        let (rest, url) = (cluster.rest(), cluster.url(gateway));
        let email = format!("{name}@example.com");
        let mut command = Command::new(env!("CARGO_BIN_EXE_chat"));
        command.args(["--url", &rest, "--gateway", &url, "--email", &email, "--password", "blue-lantern-42"]);
        command.args(["--sign-up", "--first-name", name]);
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut program = piped.spawn().unwrap();
        let (input, output) = (program.stdin.take().unwrap(), program.stdout.take().unwrap());
        let mut chat = Self { program, input, output: BufReader::new(output).lines(), said: Vec::new() };
        chat.says("/help lists the commands").await;
        chat
    }

    async fn types(&mut self, line: &str) {
        self.input.write_all(format!("{line}\n").as_bytes()).await.unwrap();
    }

    /// The next line, without its time.
    async fn line(&mut self) -> Option<String> {
        let line = timeout(SOON, self.output.next_line()).await;
        let line = line.unwrap_or_else(|_| panic!("nothing more after {:#?}", self.said)).unwrap()?;
        self.said.push(line.clone());
        let text =
            line.strip_prefix('[').and_then(|line| line.split_once("] ")).map(|(_, text)| text.to_owned());
        Some(text.unwrap_or(line))
    }

    /// The next line, which must hold this.
    async fn says(&mut self, part: &str) {
        let line = self.line().await.unwrap_or_default();
        assert!(line.contains(part), "{line:?} instead of {part:?} in {:#?}", self.said);
    }

    /// Reads on to the line that holds this.
    async fn comes_to_say(&mut self, part: &str) {
        while !self.line().await.unwrap_or_else(|| panic!("the end without {part:?}")).contains(part) {}
    }

    /// Ends the input; the lines that were left.
    async fn end(mut self) -> Vec<String> {
        drop(self.input);
        let mut rest = Vec::new();
        while let Some(line) = timeout(SOON, self.output.next_line()).await.unwrap().unwrap() {
            rest.push(line);
        }
        assert!(timeout(SOON, self.program.wait()).await.unwrap().unwrap().success());
        rest
    }
}

#[tokio::test]
async fn two_terminals_on_two_gateways_talk_make_a_group_and_survive_a_restart() {
    let mut cluster = Cluster::start(ClusterOptions { gateways: 2, ..ClusterOptions::default() }).await;
    let mut ann = Chat::start(&cluster, 0, "Ann").await;
    ann.says("no chats here").await;
    let mut bob = Chat::start(&cluster, 1, "Bob").await;
    bob.says("no chats here").await;

    ann.types("/open Bob").await;
    ann.says("-- Bob (@2)").await;
    ann.says("-- no messages yet").await;
    ann.types("Hi").await;
    ann.says("you: Hi").await;
    bob.says("Ann (@1): Hi").await;
    bob.types("/list").await;
    bob.says("Ann (@1) (1 new)  Ann: Hi").await;
    bob.types("/open Ann").await;
    bob.says("-- Ann (@1)").await;
    bob.says("Ann (@1): Hi").await;
    ann.says("-- Bob (@2) has read it").await;
    bob.types("Hello").await;
    bob.says("you: Hello").await;
    ann.says("Bob (@2): Hello").await;
    bob.says("-- Ann (@1) has read it").await;

    ann.types("/create club").await;
    ann.comes_to_say("you made the group club").await;
    ann.types("/add Bob").await;
    ann.comes_to_say("added Bob (@2)").await;
    bob.says("Ann (@1) added you").await;
    ann.types("/rename pals").await;
    ann.says("pals").await;
    bob.says("Ann (@1) renamed the group to pals").await;
    bob.types("/leave pals").await;
    bob.says("left").await;
    ann.says("Bob (@2) left").await;

    cluster.kill(1).await;
    bob.says("-- connection lost").await;
    ann.types("/open Bob").await;
    ann.says("-- Bob (@2)").await;
    for line in ["you: Hi", "Bob (@2): Hello"] {
        ann.says(line).await;
    }
    ann.types("Are you there?").await;
    ann.says("you: Are you there?").await;
    cluster.restart(1).await;
    bob.comes_to_say("Ann (@1): Are you there?").await;
    bob.says("-- back").await;
    ann.types("/older").await;
    ann.comes_to_say("-- no more messages").await;
    for chat in [ann, bob] {
        let rest = chat.end().await;
        // Whether Bob's reading is told depends on how soon his gateway is back in everything.
        assert!(rest.iter().all(|line| line.contains("has read it")), "{rest:?}");
    }
}
