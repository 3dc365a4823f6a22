//! The two ends of the screen: lines in, lines out. With a terminal the line being typed stays below what
//! arrives; with a pipe it is plain text.
//!
//! Reading blocks, so it has a thread of its own, which ends with the input.

use std::io::{self, BufRead, IsTerminal, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use anyhow::Result;
use rustyline::history::MemHistory;
use rustyline::{Config, Editor, ExternalPrinter};
use tokio::sync::mpsc;

use crate::show::Paint;

/// Lines of a pipe that may wait to be obeyed.
const LINES_AHEAD: usize = 64;

/// The user's end.
pub(crate) struct Terminal {
    lines: mpsc::Receiver<String>,
    /// Where the next line is asked for; `None` for a pipe, which is not asked.
    prompts: Option<SyncSender<String>>,
    screen: Box<dyn FnMut(String) -> Result<()>>,
    pub(crate) paint: Paint,
}

impl Terminal {
    /// Takes the process's input and output.
    pub(crate) fn open() -> Result<Self> {
        let (typed, lines) = mpsc::channel(LINES_AHEAD);
        if !(io::stdin().is_terminal() && io::stdout().is_terminal()) {
            thread::spawn(move || read_pipe(&typed));
            return Ok(Self {
                lines,
                prompts: None,
                screen: Box::new(|text| write_plainly(&text)),
                paint: Paint { colours: io::stdout().is_terminal() },
            });
        }
        let mut editor = Editor::<(), _>::with_history(Config::default(), MemHistory::new())?;
        let mut printer = editor.create_external_printer()?;
        let (prompts, asked) = sync_channel(1);
        thread::spawn(move || edit(editor, &asked, &typed));
        Ok(Self {
            lines,
            prompts: Some(prompts),
            screen: Box::new(move |text| Ok(printer.print(text + "\n")?)),
            paint: Paint { colours: true },
        })
    }

    pub(crate) fn is_interactive(&self) -> bool {
        self.prompts.is_some()
    }

    /// Asks for the next line; a pipe is not asked.
    pub(crate) fn ask(&self, prompt: String) {
        if let Some(prompts) = &self.prompts {
            // Fails when the input has ended, which the next line tells.
            let _ = prompts.send(prompt);
        }
    }

    /// The next line; `None` at the end of the input. Cancel safe.
    pub(crate) async fn line(&mut self) -> Option<String> {
        self.lines.recv().await
    }

    pub(crate) fn show(&mut self, text: String) -> Result<()> {
        (self.screen)(text)
    }
}

fn edit(mut editor: Editor<(), MemHistory>, prompts: &Receiver<String>, typed: &mpsc::Sender<String>) {
    while let Ok(prompt) = prompts.recv() {
        // Ctrl-C, Ctrl-D and a closed terminal all end the input.
        let Ok(line) = editor.readline(&prompt) else { return };
        // A line that is not remembered is only not offered again.
        let _ = editor.add_history_entry(&line);
        if typed.blocking_send(line).is_err() {
            return;
        }
    }
}

fn read_pipe(typed: &mpsc::Sender<String>) {
    for line in io::stdin().lock().lines() {
        let Ok(line) = line else { return };
        if typed.blocking_send(line).is_err() {
            return;
        }
    }
}

fn write_plainly(text: &str) -> Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}")?;
    Ok(out.flush()?)
}
