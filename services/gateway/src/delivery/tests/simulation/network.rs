//! A bus that loses, repeats, swaps and delays.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use super::chance::Chance;
use crate::domain::event::{Event, Watermark};
use crate::fanout::{Bus, Channel, Rung};

/// How rings fare.
#[derive(Debug, Clone, Copy)]
pub(super) struct Weather {
    /// Rings that are lost, of 100.
    pub(super) lost: u32,
    /// Rings that come twice, of 100.
    pub(super) repeated: u32,
    /// Steps on the way at most.
    pub(super) delay: u32,
    /// Rings that tell only the place, of 100.
    pub(super) bare: u32,
}

impl Weather {
    pub(super) const FAIR: Self = Self { lost: 0, repeated: 0, delay: 1, bare: 0 };
}

/// The end of the bus at one gateway. A gateway that starts again has a new one.
#[derive(Debug, Default)]
pub(super) struct Wire {
    wanted: Mutex<HashMap<Channel, usize>>,
    rung: Mutex<Vec<(Vec<Channel>, Event)>>,
}

impl Bus for Wire {
    fn ring(&self, channels: &[Channel], event: &Event, _: Option<&str>) {
        self.rung.lock().unwrap().push((channels.to_vec(), event.clone()));
    }

    fn ring_watermark(&self, _: &[Channel], _: &Watermark) {}

    fn join(&self, channel: Channel) {
        *self.wanted.lock().unwrap().entry(channel).or_default() += 1;
    }

    fn leave(&self, channel: Channel) {
        let mut wanted = self.wanted.lock().unwrap();
        let reasons = wanted.get_mut(&channel).expect("nobody leaves what nobody joined");
        *reasons -= 1;
        if *reasons == 0 {
            wanted.remove(&channel);
        }
    }

    fn is_healthy(&self) -> bool {
        true
    }
}

#[derive(Debug)]
struct Flight {
    due: u32,
    to: usize,
    rung: Rung,
}

#[derive(Debug, Default)]
pub(super) struct Network {
    flying: Vec<Flight>,
}

impl Network {
    /// Sends off what these gateways have rung for.
    pub(super) fn post(&mut self, wires: &[Arc<Wire>], step: u32, weather: Weather, chance: &mut Chance) {
        for wire in wires {
            for (channels, event) in std::mem::take(&mut *wire.rung.lock().unwrap()) {
                for (to, listener) in wires.iter().enumerate() {
                    let wanted = listener.wanted.lock().unwrap();
                    for _ in channels.iter().filter(|channel| wanted.contains_key(channel)) {
                        self.ring(to, &event, step, weather, chance);
                    }
                }
            }
        }
    }

    fn ring(&mut self, to: usize, event: &Event, step: u32, weather: Weather, chance: &mut Chance) {
        if chance.percent(weather.lost) {
            return;
        }
        for _ in 0..=u32::from(chance.percent(weather.repeated)) {
            let due = step + chance.below(weather.delay + 1);
            let rung = if chance.percent(weather.bare) {
                Rung::Head(event.entry.head())
            } else {
                Rung::Event(event.clone())
            };
            self.flying.push(Flight { due, to, rung });
        }
    }

    /// What arrives now, in any order.
    pub(super) fn arrivals(&mut self, step: u32, chance: &mut Chance) -> Vec<(usize, Rung)> {
        let (mut here, flying): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.flying).into_iter().partition(|flight| flight.due <= step);
        self.flying = flying;
        chance.shuffle(&mut here);
        here.into_iter().map(|flight| (flight.to, flight.rung)).collect()
    }

    pub(super) fn is_idle(&self) -> bool {
        self.flying.is_empty()
    }
}
