//! What a coordination is (SOL 002 clause 10.5).
use super::links::Base;
use crate::problem::Problem;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// What is to be coordinated (`LcmCoordRequest`, clause 10.5.2.2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    /// The VNF instance, as the manager knows it.
    pub vnf_instance_id: String,
    /// The operation that waits for it.
    pub vnf_lcm_op_occ_id: String,
    /// What kind of operation.
    pub lcm_operation_type: Operation,
    /// What is to be done here.
    pub coordination_action_name: String,
    /// How.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_params: Option<Map<String, Value>>,
    /// Where the manager has them.
    #[serde(rename = "_links")]
    pub links: Links,
}

/// Links of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Links {
    /// The operation.
    pub vnf_lcm_op_occ: Link,
    /// The VNF instance.
    pub vnf_instance: Link,
}

/// A link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// Its target.
    pub href: String,
}

/// Operations that can be coordinated (`LcmOperationForCoordType`, clause 10.5.4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[allow(missing_docs)] // their names are the standard's
pub enum Operation {
    Instantiate,
    Scale,
    ScaleToLevel,
    ChangeFlavour,
    Terminate,
    Heal,
    Operate,
    ChangeExtConn,
    ModifyInfo,
    CreateSnapshot,
    RevertToSnapshot,
    ChangeVnfpkg,
}

/// What the manager is to do next (`LcmCoordResultType`, clause 10.5.4.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Verdict {
    /// To go on.
    Continue,
    /// To give up: it failed.
    Abort,
    /// To give up: it was cancelled.
    Cancelled,
}

/// How it ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// What is next.
    pub verdict: Verdict,
    /// `outputParams`, an object; or nothing.
    pub output: Value,
    /// What is suspicious.
    pub warnings: Vec<String>,
    /// What went wrong.
    pub error: Option<Problem>,
}

/// A coordination.
#[derive(Clone, Debug, PartialEq)]
pub struct Coordination {
    /// Its identifier.
    pub id: String,
    /// What was asked.
    pub request: Request,
    /// Nothing while it goes on.
    pub outcome: Option<Outcome>,
}

impl Coordination {
    /// Where it is found.
    pub fn path(&self) -> String {
        format!("/lcmcoord/v1/coordinations/{}", self.id)
    }

    /// As `LcmCoord` (clause 10.5.2.3).
    pub fn show(&self, outcome: &Outcome, base: &Base) -> Value {
        let r = &self.request;
        let mut shown = json!({
            "id": self.id,
            "coordinationResult": outcome.verdict,
            "vnfInstanceId": r.vnf_instance_id,
            "vnfLcmOpOccId": r.vnf_lcm_op_occ_id,
            "lcmOperationType": r.lcm_operation_type,
            "coordinationActionName": r.coordination_action_name,
        });
        if !outcome.output.is_null() {
            shown["outputParams"] = outcome.output.clone();
        }
        if !outcome.warnings.is_empty() {
            shown["warnings"] = json!(outcome.warnings);
        }
        if let Some(error) = &outcome.error {
            shown["error"] = json!(error);
        }
        shown["_links"] = json!({
            "self": {"href": base.link(&self.path())},
            "vnfLcmOpOcc": r.links.vnf_lcm_op_occ,
            "vnfInstance": r.links.vnf_instance,
        });
        shown
    }
}

impl Outcome {
    /// It went well.
    pub fn fine(warnings: Vec<String>) -> Outcome {
        Outcome { verdict: Verdict::Continue, output: Value::Null, warnings, error: None }
    }
}
