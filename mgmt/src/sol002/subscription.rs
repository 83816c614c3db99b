//! What a subscription is (SOL 002 clause 8.5.2.3 and 8.5.2.4, SOL 013 clause 8.3.4).
use super::links::Base;
use crate::problem::Problem;
use crate::vnf::Identity;
use axum::http::{StatusCode, Uri};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Longest address of a callback, bytes.
const LONGEST: usize = 2048;
/// Longest request, bytes.
const LONGEST_REQUEST: usize = 64 << 10;

/// A text that no log and no answer shows.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(pub String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("…")
    }
}

/// What somebody subscribes to (`VnfIndicatorSubscriptionRequest`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Wanted {
    /// What of it; everything if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<Filter>,
    /// Where notifications go.
    pub callback_uri: String,
    /// How the EMS proves there who it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authentication: Option<Authentication>,
}

/// `VnfIndicatorNotificationsFilter`: all attributes must fit, of a list one value.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Filter {
    /// Which VNF instances.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vnf_instance_subscription_filter: Option<Instances>,
    /// Which notifications.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notification_types: Vec<Kind>,
    /// Which indicators.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub indicator_ids: Vec<String>,
}

/// What is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// An indicator has another value.
    #[serde(rename = "VnfIndicatorValueChangeNotification")]
    Value,
    /// There are other indicators.
    #[serde(rename = "SupportedIndicatorsChangeNotification")]
    Set,
}

/// `VnfInstanceSubscriptionFilter`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Instances {
    /// Identifiers of descriptors. The VNF does not know its own, so this is refused.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub vnfd_ids: Vec<String>,
    /// Who made it, and what it is.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub vnf_products_from_providers: Vec<Provider>,
    /// Identifiers of instances.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub vnf_instance_ids: Vec<String>,
    /// Names of instances.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub vnf_instance_names: Vec<String>,
}

/// A provider, and which of its products.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Provider {
    /// Its name.
    pub vnf_provider: String,
    /// Products; all if there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub vnf_products: Vec<Product>,
}

/// A product, and which of its versions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Product {
    /// Its name.
    pub vnf_product_name: String,
    /// Versions; all if there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub versions: Vec<Version>,
}

/// A version of a product.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Version {
    /// Version of the software.
    pub vnf_software_version: String,
    /// Versions of the descriptor: refused, as `vnfdIds` is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub vnfd_versions: Vec<String>,
}

/// `SubscriptionAuthentication`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Authentication {
    /// Ways that the receiver takes; the first one that can be gone is.
    pub auth_type: Vec<Way>,
    /// For `BASIC`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub params_basic: Option<Basic>,
    /// For `OAUTH2_CLIENT_CREDENTIALS`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub params_oauth2_client_credentials: Option<Oauth2>,
}

/// A way to prove who one is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Way {
    /// Name and password (RFC 7617).
    Basic,
    /// A token from a server (RFC 6749 section 4.4).
    #[serde(rename = "OAUTH2_CLIENT_CREDENTIALS")]
    Oauth2ClientCredentials,
    /// The client certificate of the EMS.
    TlsCert,
}

/// Name and password.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Basic {
    /// The name.
    pub user_name: String,
    /// The password.
    pub password: Secret,
}

/// Where a token comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Oauth2 {
    /// Name of the client.
    pub client_id: String,
    /// Its password.
    pub client_password: Secret,
    /// The server.
    pub token_endpoint: String,
}

/// A subscription.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscription {
    /// Its identifier.
    pub id: String,
    /// What links in notifications begin with: how the subscriber reached the EMS.
    pub base: String,
    /// What was wanted.
    pub wanted: Wanted,
}

impl Wanted {
    /// Whether it can be done at all.
    ///
    /// # Errors
    /// 413 when it is too long; 422
    pub fn check(&self) -> Result<(), Problem> {
        if serde_json::to_vec(self).map_or(true, |text| text.len() > LONGEST_REQUEST) {
            let detail = format!("the request has more than {LONGEST_REQUEST} bytes");
            return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail));
        }
        address(&self.callback_uri, "callbackUri")?;
        if let Some(oauth2) = self.authentication.as_ref().and_then(|a| a.params_oauth2_client_credentials.as_ref()) {
            address(&oauth2.token_endpoint, "tokenEndpoint")?;
        }
        let instances = self.filter.as_ref().and_then(|f| f.vnf_instance_subscription_filter.as_ref());
        let versions = instances.iter().flat_map(|i| &i.vnf_products_from_providers).flat_map(|p| &p.vnf_products);
        let of_vnfd = versions.flat_map(|p| &p.versions).any(|v| !v.vnfd_versions.is_empty());
        if of_vnfd || instances.is_some_and(|i| !i.vnfd_ids.is_empty()) {
            let detail =
                "filter: this VNF does not know its descriptor, so it cannot be filtered by vnfdIds or vnfdVersions";
            return Err(Problem::unprocessable(detail));
        }
        Ok(())
    }
}

/// Only `http` and `https` are called. Whom the addresses belong to is for the one who may subscribe (an operator) to know.
fn address(text: &str, what: &str) -> Result<(), Problem> {
    let uri = text.parse::<Uri>().ok().filter(|_| text.len() <= LONGEST);
    let scheme = uri.as_ref().and_then(Uri::scheme_str).unwrap_or_default();
    let host = uri.as_ref().and_then(Uri::authority).filter(|a| !a.as_str().contains('@') && !a.host().is_empty());
    if !matches!(scheme, "http" | "https") || host.is_none() {
        let detail =
            format!("{what}: this must be http://host/... or https://host/..., without a name or password in it");
        return Err(Problem::unprocessable(detail));
    }
    Ok(())
}

impl Filter {
    /// Whether notifications of this kind about this indicator are wanted.
    pub fn fits(&self, identity: &Identity, kind: Kind, indicator: Option<&str>) -> bool {
        let instances = self.vnf_instance_subscription_filter.as_ref();
        let any = |list: &[String], it: &str| list.is_empty() || list.iter().any(|l| l == it);
        (self.notification_types.is_empty() || self.notification_types.contains(&kind))
            && indicator.is_none_or(|i| any(&self.indicator_ids, i))
            && instances.is_none_or(|f| {
                any(&f.vnf_instance_ids, &identity.id)
                    && any(&f.vnf_instance_names, &identity.name)
                    && (f.vnf_products_from_providers.is_empty()
                        || f.vnf_products_from_providers.iter().any(|p| p.fits(identity)))
            })
    }
}

impl Provider {
    fn fits(&self, identity: &Identity) -> bool {
        let version = |v: &Version| v.vnf_software_version == identity.version;
        let product = |p: &Product| {
            p.vnf_product_name == identity.product && (p.versions.is_empty() || p.versions.iter().any(version))
        };
        self.vnf_provider == identity.provider
            && (self.vnf_products.is_empty() || self.vnf_products.iter().any(product))
    }
}

impl Subscription {
    /// Where it is found.
    pub fn path(&self) -> String {
        format!("/vnfind/v1/subscriptions/{}", self.id)
    }

    /// As `VnfIndicatorSubscription` (clause 8.5.2.4): never with secrets.
    pub fn show(&self, base: &Base) -> Value {
        let mut shown = json!({"id": self.id});
        if let Some(filter) = &self.wanted.filter {
            shown["filter"] = json!(filter);
        }
        shown["callbackUri"] = json!(self.wanted.callback_uri);
        shown["_links"] = json!({"self": {"href": base.link(&self.path())}});
        shown
    }

    /// The same callback and filter.
    pub fn is_like(&self, wanted: &Wanted) -> bool {
        self.wanted.callback_uri == wanted.callback_uri && self.wanted.filter == wanted.filter
    }

    /// Whether notifications of this kind about this indicator are wanted.
    pub fn fits(&self, identity: &Identity, kind: Kind, indicator: Option<&str>) -> bool {
        self.wanted.filter.as_ref().is_none_or(|f| f.fits(identity, kind, indicator))
    }
}
