//! Alarms as ITU-T X.733 describes them: what is wrong now, how bad it is, and why.
use crate::clock;
use crate::events::{Events, What};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use utoipa::ToSchema;

/// Alarms that are over and still kept.
pub const HISTORY: usize = 1024;

/// How bad it is (ITU-T X.733 section 8.1.2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Severity {
    /// Something to look at before it becomes worse.
    Warning,
    /// The service is not affected yet.
    Minor,
    /// The service suffers.
    Major,
    /// The service is down.
    Critical,
}

/// Why (of the causes that ITU-T X.733 section 8.1.2.1 and X.721 list, those that occur here).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum Cause {
    /// A link is down.
    LossOfSignal,
    /// A function does not run as configured.
    ConfigurationOrCustomizationError,
    /// A file is damaged.
    CorruptData,
    /// A disk cannot be written.
    StorageCapacityProblem,
    /// More packets than can be handled.
    ThresholdCrossed,
    /// A thread ended that should not.
    SoftwareProgramAbnormallyTerminated,
    /// Somebody who may not tries.
    UnauthorizedAccessAttempt,
}

/// What kind of trouble (ITU-T X.733 section 8.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum Kind {
    /// Of moving information.
    CommunicationsAlarm,
    /// Of quality of service.
    QualityOfServiceAlarm,
    /// Of software.
    ProcessingErrorAlarm,
    /// Of equipment.
    EquipmentAlarm,
}

impl Cause {
    /// The kind of trouble that it is.
    pub fn kind(self) -> Kind {
        match self {
            Cause::LossOfSignal => Kind::CommunicationsAlarm,
            Cause::ThresholdCrossed => Kind::QualityOfServiceAlarm,
            Cause::StorageCapacityProblem => Kind::EquipmentAlarm,
            _ => Kind::ProcessingErrorAlarm,
        }
    }
}

/// An alarm.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Alarm {
    /// Its identifier.
    pub id: u64,
    /// What is in trouble: `port/eth0`, `function/main`, `store`, `worker/0`.
    pub object: String,
    /// What kind of trouble.
    pub kind: Kind,
    /// Why.
    pub cause: Cause,
    /// How bad it is.
    pub severity: Severity,
    /// For people.
    pub text: String,
    /// When it was raised, RFC 3339.
    pub raised: String,
    /// When it was cleared, RFC 3339; absent while it is active.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cleared: Option<String>,
}

#[derive(Debug, Default)]
struct All {
    last: u64,
    active: Vec<Alarm>,
    over: VecDeque<Alarm>,
}

/// All alarms. An object has at most one of each cause at a time.
#[derive(Debug)]
pub struct Alarms {
    all: Mutex<All>,
    events: Arc<Events>,
}

impl Alarms {
    /// None yet; `events` are told of each.
    pub fn new(events: Arc<Events>) -> Alarms {
        Alarms { all: Mutex::default(), events }
    }

    /// Raises an alarm. If it is active already, its severity and text are brought up to date.
    pub fn raise(&self, object: &str, cause: Cause, severity: Severity, text: &str) {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        let known = all.active.iter_mut().find(|a| a.object == object && a.cause == cause);
        let id = match known {
            Some(a) if a.severity == severity && a.text == text => return,
            Some(a) => {
                (a.severity, a.text) = (severity, text.into());
                a.id
            }
            None => {
                all.last += 1;
                let id = all.last;
                let (object, raised) = (object.into(), clock::now());
                let alarm =
                    Alarm { id, object, kind: cause.kind(), cause, severity, text: text.into(), raised, cleared: None };
                all.active.push(alarm);
                id
            }
        };
        self.events.tell(What::AlarmRaised { id, text: text.into() });
    }

    /// The trouble is over. Nothing happens if there was none.
    pub fn clear(&self, object: &str, cause: Cause) {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(at) = all.active.iter().position(|a| a.object == object && a.cause == cause) else { return };
        let mut alarm = all.active.remove(at);
        alarm.cleared = Some(clock::now());
        let id = alarm.id;
        if all.over.len() == HISTORY {
            all.over.pop_front();
        }
        all.over.push_back(alarm);
        self.events.tell(What::AlarmCleared { id });
    }

    /// Those that are active, in the order in which they were raised.
    pub fn active(&self) -> Vec<Alarm> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).active.clone()
    }

    /// Those that are over, in the order in which they were cleared; at most [`HISTORY`].
    pub fn history(&self) -> Vec<Alarm> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).over.iter().cloned().collect()
    }
}
