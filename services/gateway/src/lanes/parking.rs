//! Where the sends of locked conversations queue, each conversation apart. Pure.

use std::collections::{HashMap, VecDeque};

use super::{Job, LaneConfig};
use crate::domain::error::GatewayError;
use crate::domain::ids::ConversationId;

/// The parked conversations of one lane.
pub(super) struct Parking {
    config: LaneConfig,
    /// What came after the statement that is in flight. A conversation is parked as long as it is in here.
    queues: HashMap<ConversationId, VecDeque<Job>>,
    /// Jobs in all queues.
    waiting: usize,
}

impl Parking {
    pub(super) fn new(config: LaneConfig) -> Self {
        Self { config, queues: HashMap::new(), waiting: 0 }
    }

    /// Puts the jobs of parked conversations into their queues and returns the others.
    pub(super) fn keep_parked(&mut self, jobs: Vec<Job>) -> Vec<Job> {
        if self.queues.is_empty() {
            return jobs;
        }
        jobs.into_iter().filter_map(|job| self.keep(job)).collect()
    }

    /// The job, unless its conversation is parked.
    fn keep(&mut self, job: Job) -> Option<Job> {
        let Some(queue) = self.queues.get_mut(&job.draft.conversation) else { return Some(job) };
        if queue.len() >= self.config.parked || self.waiting >= self.config.queue {
            metrics::counter!("gateway_sends_refused_total").increment(1);
            job.refuse(GatewayError::Unavailable);
        } else {
            queue.push_back(job);
            self.waiting += 1;
        }
        None
    }

    /// Parks conversations that were found locked. Returns what to wait for first, of each.
    pub(super) fn park(&mut self, locked: Vec<Job>) -> Vec<(ConversationId, Vec<Job>)> {
        let mut parts: Vec<(ConversationId, Vec<Job>)> = Vec::new();
        for job in locked {
            let conversation = job.draft.conversation;
            match parts.iter_mut().find(|(parked, _)| *parked == conversation) {
                Some((_, part)) => part.push(job),
                None => {
                    metrics::counter!("gateway_conversations_parked_total").increment(1);
                    self.queues.entry(conversation).or_default();
                    parts.push((conversation, vec![job]));
                }
            }
        }
        parts
    }

    /// What has queued for a conversation since its last statement; when nothing has, it is parked no more.
    pub(super) fn next(&mut self, conversation: ConversationId) -> Option<Vec<Job>> {
        let queue = self.queues.get_mut(&conversation)?;
        let part: Vec<_> = queue.drain(..queue.len().min(self.config.batch)).collect();
        self.waiting -= part.len();
        if part.is_empty() {
            self.queues.remove(&conversation);
            return None;
        }
        Some(part)
    }
}
