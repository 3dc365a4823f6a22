//! `chat`: a small terminal client of the messenger. `chat --help` tells its options, `/help` its commands.

mod app;
mod command;
mod names;
mod options;
mod people;
mod perform;
mod show;
mod terminal;
mod view;

use anyhow::Result;
use clap::Parser;
use messenger_client::session::{self, Session};

use app::App;
use options::Options;
use people::People;
use terminal::Terminal;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let options = Options::parse();
    let link = options.link()?;
    let (grant, names) = options.log_in(&link).await?;
    let terminal = Terminal::open()?;
    let (session, events) = Session::start(link.clone(), grant.clone(), session::Options::default());
    App::new(terminal, session, events, People::new(link, grant), names).run().await
}
