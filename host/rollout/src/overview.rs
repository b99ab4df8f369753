//! The components and their versions, as operators see them.

use std::collections::BTreeMap;

use berth_runtime::ComponentSpec;
use jiff::Timestamp;

use crate::entrances::{OperatorError, find_component};
use crate::report::{ComponentSummary, Replica, SwapSummary, TrapSummary, VersionState, VersionSummary};
use crate::rollout::Rollout;
use crate::stores::in_words;

/// The components of this host, with the state of each on every host.
pub async fn components(rollout: &Rollout) -> Result<Vec<ComponentSummary>, OperatorError> {
    let mut replicas = replicas(rollout).await?;
    let mut summaries = Vec::new();
    for spec in rollout.live.components().iter() {
        summaries.push(summary(rollout, spec, replicas.remove(&spec.name)).await?);
    }
    Ok(summaries)
}

/// The summary of a single component.
pub async fn component(rollout: &Rollout, name: &str) -> Result<ComponentSummary, OperatorError> {
    let spec = find_component(&rollout.live, name)?;
    let mut replicas = replicas(rollout).await?;
    summary(rollout, &spec, replicas.remove(name)).await
}

/// The versions of a component, newest first.
pub async fn history(rollout: &Rollout, component: &str) -> Result<Vec<VersionSummary>, OperatorError> {
    let spec = find_component(&rollout.live, component)?;
    Ok(rollout.stores.versions.history(&spec.name).await?)
}

/// The last swaps of a component on all hosts, newest first.
pub async fn swaps(rollout: &Rollout, component: &str) -> Result<Vec<SwapSummary>, OperatorError> {
    let spec = find_component(&rollout.live, component)?;
    Ok(rollout.stores.reports.of(&spec.name).await?)
}

/// Whether the manifest has a component of this name.
///
/// # Errors
///
/// If it has not.
pub fn check_component(rollout: &Rollout, name: &str) -> Result<(), OperatorError> {
    find_component(&rollout.live, name).map(drop)
}

/// The last failures of a component, or of all components, on this host, the oldest first.
///
/// # Errors
///
/// If the manifest has no component of this name.
pub fn traps(rollout: &Rollout, component: Option<&str>) -> Result<Vec<TrapSummary>, OperatorError> {
    if let Some(name) = component {
        check_component(rollout, name)?;
    }
    let current = rollout.live.registry().current();
    let versions = current.versions().iter();
    let mut traps: Vec<_> = versions
        .filter(|(name, _)| component.is_none_or(|component| component == *name))
        .flat_map(|(name, version)| {
            let traps = version.resources().traps().read();
            traps.into_iter().map(move |trap| (name.clone(), trap))
        })
        .collect();
    traps.sort_by_key(|(_, trap)| trap.time);
    let summary = |(component, trap): (String, berth_runtime::Trap)| TrapSummary {
        time: Timestamp::try_from(trap.time).map_or_else(|_| String::new(), |time| format!("{time:.6}")),
        component,
        version: trap.version,
        request_id: trap.request_id,
        route: trap.route.as_deref().map(str::to_owned),
        reason: trap.reason,
        backtrace: trap.backtrace,
    };
    Ok(traps.into_iter().map(summary).collect())
}

/// The hosts by component, with this host's present state: a host that follows no others stores none in the database.
async fn replicas(rollout: &Rollout) -> Result<BTreeMap<String, Vec<Replica>>, OperatorError> {
    let mut replicas = rollout.stores.hosts.all().await?;
    for hosts in replicas.values_mut() {
        hosts.retain(|host| !host.this);
    }
    for (component, status) in rollout.live.statuses().all() {
        let hosts = replicas.entry(component).or_default();
        hosts.push(rollout.stores.hosts.this(status));
        hosts.sort_by(|one, other| one.host.cmp(&other.host));
    }
    Ok(replicas)
}

async fn summary(
    rollout: &Rollout,
    spec: &ComponentSpec,
    replicas: Option<Vec<Replica>>,
) -> Result<ComponentSummary, OperatorError> {
    let history = rollout.stores.versions.history(&spec.name).await?;
    let number = rollout.live.number(&spec.name);
    let wanted = history.iter().find(|version| version.state == VersionState::Live);
    let wanted = wanted.map(|version| version.number);
    let replicas = replicas.unwrap_or_default();
    Ok(ComponentSummary {
        name: spec.name.clone(),
        wanted,
        live: history.into_iter().find(|version| Some(version.number) == number),
        routes: spec.routes.iter().map(ToString::to_string).collect(),
        capabilities: spec.capabilities.iter().map(ToString::to_string).collect(),
        rollout: in_words(&replicas, wanted),
        replicas,
    })
}
