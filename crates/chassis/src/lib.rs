#![doc = include_str!("../README.md")]

pub mod env;

pub mod clock;
pub mod lifecycle;

pub mod admin;
pub mod http;

pub mod migrate;
pub mod postgres;
pub mod redis;

pub mod telemetry;
