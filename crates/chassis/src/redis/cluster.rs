//! Which node of a Redis Cluster serves which slot.

use std::ops::RangeInclusive;

use redis::{ErrorKind, RedisError, RedisResult, Value};

/// Slots of every cluster: 0 to 16,383.
pub const SLOTS: u16 = 16_384;
/// The host of a node that should have a name and has not told it yet.
const UNKNOWN: &str = "?";

/// Where a node is reached.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Node {
    /// Name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
}

/// The slot of a channel or key: of what stands in its braces, where it has some.
/// [CRC-16/XMODEM](https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/), as every node counts it.
#[must_use]
pub fn slot(name: &str) -> u16 {
    let tag = name.split_once('{').and_then(|(_, rest)| rest.split_once('}')).map(|(tag, _)| tag);
    crc16(tag.filter(|tag| !tag.is_empty()).unwrap_or(name).as_bytes()) % SLOTS
}

fn crc16(bytes: &[u8]) -> u16 {
    let shift = |crc: u16| if crc & 0x8000 == 0 { crc << 1 } else { crc << 1 ^ 0x1021 };
    bytes.iter().fold(0, |crc, byte| (0..8).fold(crc ^ u16::from(*byte) << 8, |crc, _| shift(crc)))
}

/// The primaries of the slots, as the answer to `CLUSTER SLOTS` has them. A node that tells no host is reached where the
/// one that was asked is; one that is said to have a name that nobody knows yet is left out.
pub(super) fn read_slots(answer: &[Value], asked: &str) -> RedisResult<Vec<(RangeInclusive<u16>, Node)>> {
    let all: RedisResult<Vec<_>> =
        answer.iter().map(|range| read_range(range, asked).ok_or_else(unreadable)).collect();
    Ok(all?.into_iter().filter(|(_, node)| node.host != UNKNOWN).collect())
}

fn read_range(range: &Value, asked: &str) -> Option<(RangeInclusive<u16>, Node)> {
    let Value::Array(parts) = range else { return None };
    let [Value::Int(first), Value::Int(last), Value::Array(primary), ..] = parts.as_slice() else {
        return None;
    };
    let [host, Value::Int(port), ..] = primary.as_slice() else { return None };
    let host = match host {
        Value::BulkString(host) if !host.is_empty() => String::from_utf8(host.clone()).ok()?,
        Value::BulkString(_) | Value::Nil => asked.to_owned(),
        _ => return None,
    };
    let node = Node { host, port: u16::try_from(*port).ok()? };
    Some((u16::try_from(*first).ok()?..=u16::try_from(*last).ok()?, node))
}

fn unreadable() -> RedisError {
    (ErrorKind::Parse, "the cluster's slots cannot be read").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Value {
        Value::BulkString(text.as_bytes().to_vec())
    }

    #[test]
    fn slots_are_those_of_the_specification() {
        assert_eq!(crc16(b"123456789"), 0x31c3);
        assert_eq!(slot("foo"), 12_182);
        assert_eq!(slot("{foo}:bar"), slot("foo"));
        assert_eq!(slot("a:{foo}{bar}"), slot("foo"));
        assert_eq!(slot("{}foo"), crc16(b"{}foo") % SLOTS);
    }

    #[test]
    fn primaries_are_read_and_replicas_passed_over() {
        let node = |host: Value, port| {
            Value::Array(vec![host, Value::Int(port), text("id"), Value::Array(Vec::new())])
        };
        let range = |first, last, nodes: Vec<Value>| {
            Value::Array([Value::Int(first), Value::Int(last)].into_iter().chain(nodes).collect())
        };
        let answer = [
            range(0, 99, vec![node(text("h1"), 1), node(text("h2"), 2)]),
            range(100, 16_000, vec![node(Value::Nil, 3)]),
            range(16_001, 16_383, vec![node(text("?"), 4)]),
        ];
        let at = |host: &str, port| Node { host: host.to_owned(), port };
        assert_eq!(
            read_slots(&answer, "asked").unwrap(),
            [(0..=99, at("h1", 1)), (100..=16_000, at("asked", 3))]
        );
        for bad in [Value::Nil, range(0, 99, vec![]), range(0, 70_000, vec![node(text("h1"), 1)])] {
            read_slots(&[bad], "asked").unwrap_err();
        }
    }
}
