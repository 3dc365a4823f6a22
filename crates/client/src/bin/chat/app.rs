//! The loop of the program: obeys lines, shows events.

use std::time::Duration;

use anyhow::{Result, bail};
use messenger_client::device::{Device, Event};
use tokio::sync::mpsc;

use crate::command::Command;
use crate::names::Names;
use crate::people::People;
use crate::show::Paint;
use crate::terminal::Terminal;
use crate::view::View;

/// Time for unsent messages when the user leaves.
const FAREWELL: Duration = Duration::from_secs(10);

pub(crate) struct App {
    terminal: Terminal,
    device: Device,
    events: mpsc::Receiver<Event>,
    view: View,
}

impl App {
    pub(crate) fn new(
        terminal: Terminal,
        device: Device,
        events: mpsc::Receiver<Event>,
        people: People,
        names: Names,
    ) -> Self {
        Self { terminal, device, events, view: View::new(people, names) }
    }

    pub(crate) async fn run(mut self) -> Result<()> {
        // Nothing can be obeyed before there is a connection, or word that there is none.
        let mut stopped = None;
        while stopped.is_none() && !self.view.has_begun() {
            let event = self.events.recv().await;
            stopped = self.view.tell(&mut self.terminal, event)?;
        }
        self.follow_up().await?;
        self.ask();
        while stopped.is_none() {
            // A script means its lines in order: none is obeyed before what it said is stored.
            let ready = self.terminal.is_interactive() || self.device.unsent() == 0;
            tokio::select! {
                line = self.terminal.line(), if ready => match line {
                    Some(line) if self.obey(&line).await? => self.ask(),
                    _ => break,
                },
                event = self.events.recv() => stopped = self.view.tell(&mut self.terminal, event)?,
            }
            self.follow_up().await?;
        }
        match stopped {
            None => self.leave().await,
            Some(why) => {
                // The editor holds the terminal until its line ends; leaving now would leave it raw.
                if self.terminal.is_interactive() {
                    self.terminal.show(self.terminal.paint.problem("Press Enter to end."))?;
                    self.terminal.line().await;
                }
                bail!("{why}")
            }
        }
    }

    async fn leave(mut self) -> Result<()> {
        let finishing = self.device.finish(FAREWELL);
        tokio::pin!(finishing);
        let unsent = loop {
            tokio::select! {
                unsent = &mut finishing => break unsent,
                Some(event) = self.events.recv() => {
                    self.view.tell(&mut self.terminal, Some(event))?;
                }
            }
        };
        while let Ok(event) = self.events.try_recv() {
            self.view.tell(&mut self.terminal, Some(event))?;
        }
        if unsent > 0 { bail!("{unsent} messages were not sent") } else { Ok(()) }
    }

    /// Asks the server what the last events call for, once for all that have come.
    async fn follow_up(&mut self) -> Result<()> {
        if !self.events.is_empty() {
            return Ok(());
        }
        let lines = self.view.follow_up(&self.device, self.terminal.paint).await;
        if lines.is_empty() { Ok(()) } else { self.terminal.show(lines.join("\n")) }
    }

    fn ask(&self) {
        self.terminal.ask(Paint::prompt(&self.view.names, self.view.open_chat()));
    }

    /// Obeys a line; whether to go on.
    async fn obey(&mut self, line: &str) -> Result<bool> {
        let command = match Command::parse(line) {
            Ok(Command::Quit) => return Ok(false),
            Ok(command) => command,
            Err(problem) => {
                self.terminal.show(self.terminal.paint.problem(&problem))?;
                return Ok(true);
            }
        };
        let paint = self.terminal.paint;
        let lines = match self.view.perform(&self.device, paint, command).await {
            Ok(lines) => lines,
            Err(problem) => vec![paint.problem(&problem.to_string())],
        };
        if !lines.is_empty() {
            self.terminal.show(lines.join("\n"))?;
        }
        Ok(true)
    }
}
