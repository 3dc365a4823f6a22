//! What the person at the terminal sees.

use std::io::{IsTerminal as _, Write as _};

const BOLD: u8 = 1;
const RED: u8 = 31;
/// Colours of the parts' names, by turns.
const PARTS: [u8; 5] = [36, 32, 33, 35, 34];

/// Standard output, with colours if it is a terminal.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Console {
    colours: bool,
}

impl Console {
    pub(crate) fn detect() -> Self {
        Self { colours: std::io::stdout().is_terminal() }
    }

    /// Something begins, or has been done.
    pub(crate) fn step(&self, text: &str) {
        self.line(&format!("{} {text}", self.paint(BOLD, "==>")));
    }

    pub(crate) fn failure(&self, text: &str) {
        self.line(&format!("{} {text}", self.paint(RED, "error:")));
    }

    /// A line that one of the running parts wrote.
    pub(crate) fn part(&self, name: &str, text: &str) {
        let turn = name.bytes().map(usize::from).sum::<usize>() % PARTS.len();
        self.line(&format!("{} {text}", self.paint(PARTS[turn], &format!("{name:>10} |"))));
    }

    pub(crate) fn line(&self, text: &str) {
        // A reader that went away must not keep us from stopping what we started.
        let _ = writeln!(std::io::stdout().lock(), "{text}");
    }

    fn paint(self, colour: u8, text: &str) -> String {
        if self.colours { format!("\x1b[{colour}m{text}\x1b[0m") } else { text.to_owned() }
    }
}
