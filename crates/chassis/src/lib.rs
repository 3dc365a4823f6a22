#![doc = include_str!("../README.md")]

pub mod env;
pub mod secrets;

pub mod clock;
pub mod files;
pub mod lifecycle;

pub mod admin;
pub mod http;
pub mod origins;
pub mod places;
pub mod proxies;
pub mod rate;

pub mod tls;

pub mod migrate;
pub mod postgres;
pub mod redis;

pub mod command;
pub mod report;

pub mod telemetry;
