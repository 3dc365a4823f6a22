//! `chat`: a small terminal client of the messenger. `chat --help` tells its options, `/help` its commands.

mod app;
mod command;
mod line;
mod names;
mod options;
mod people;
mod perform;
mod show;
mod shown;
mod terminal;
mod view;

use anyhow::Result;
use clap::Parser;
use messenger_client::device::{self, Device, SecondDialect, State};

use app::App;
use options::Options;
use people::People;
use terminal::Terminal;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let options = Options::parse();
    let mut link = options.link()?;
    let (grant, names) = options.log_in(&mut link).await?;
    let terminal = Terminal::open()?;
    let dialect = SecondDialect(link.clone());
    // What was said before is asked for chat by chat, so there is nothing to resume from.
    let (device, events) =
        Device::start(dialect, grant.clone(), State::default(), device::Options::default());
    App::new(terminal, device, events, People::new(link, grant), names).run().await
}
