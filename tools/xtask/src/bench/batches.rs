//! How many messages the gateways store with one statement, from their metrics.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, Result};

const ROWS: &str = "gateway_batch_rows_sum";
const STATEMENTS: &str = "gateway_batch_rows_count";
const ANSWER: Duration = Duration::from_secs(5);

/// Sums since the gateways' start.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Batches {
    rows: f64,
    statements: f64,
}

impl Batches {
    /// Of the gateways with these admin ports.
    pub(super) fn read(ports: &[u16]) -> Result<Self> {
        let mut all = Self::default();
        for port in ports {
            let one =
                Self::parse(&metrics(*port).with_context(|| format!("read the metrics on port {port}"))?);
            all = Self { rows: all.rows + one.rows, statements: all.statements + one.statements };
        }
        Ok(all)
    }

    pub(super) fn since(&self, before: &Self) -> Self {
        Self { rows: self.rows - before.rows, statements: self.statements - before.statements }
    }

    pub(super) fn rows_per_statement(&self) -> Option<f64> {
        (self.statements > 0.0).then(|| self.rows / self.statements)
    }

    fn parse(text: &str) -> Self {
        let value = |name: &str| {
            let values = text.lines().filter_map(|line| line.strip_prefix(name)?.trim().parse::<f64>().ok());
            values.sum()
        };
        Self { rows: value(ROWS), statements: value(STATEMENTS) }
    }
}

fn metrics(port: u16) -> std::io::Result<String> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(ANSWER))?;
    write!(stream, "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n# TYPE gateway_batch_rows summary\n\
        gateway_batch_rows{quantile=\"0.5\"} 3\ngateway_batch_rows_sum 120\ngateway_batch_rows_count 40\n";

    #[test]
    fn the_mean_of_a_stretch_is_that_of_its_ends() {
        let before = Batches::parse(TEXT);
        assert_eq!(before.rows_per_statement(), Some(3.0));
        let after = Batches { rows: 520.0, statements: 50.0 };
        assert_eq!(after.since(&before).rows_per_statement(), Some(40.0));
        assert_eq!(before.since(&before).rows_per_statement(), None);
    }

    #[test]
    fn a_gateway_that_stored_nothing_has_no_mean() {
        assert_eq!(Batches::parse("gateway_sockets 0\n").rows_per_statement(), None);
    }
}
