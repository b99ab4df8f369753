//! The series of what components use: PostgreSQL, other servers, language models; and of swaps.

use std::fmt;
use std::num::NonZeroU32;

use berth_database::{PoolMetrics, PoolStatus};
use berth_runtime::metrics::ComponentMetrics;
use berth_runtime::{Capability, Deployment, Version};

use super::catalog as of;
use super::components::counted;
use super::exporter::Sources;
use super::page::Page;

/// The pools of a component, in the order in which [`berth_runtime::Resources::session_pools`] has them.
const COMPONENT_POOLS: [&str; 2] = ["own", "all-rows"];

/// The host's own pool, which belongs to no component.
const HOST_POOL: [&str; 2] = ["", "host"];

pub(super) fn write(page: &mut Page<'_>, deployment: &Deployment, sources: &Sources) -> fmt::Result {
    pools(page, deployment, sources)?;
    statements(page, deployment)?;
    outgoing(page, deployment)?;
    cohere(page, deployment)?;
    swaps(page, deployment, sources)?;
    versions(page, sources)
}

fn pools(page: &mut Page<'_>, deployment: &Deployment, sources: &Sources) -> fmt::Result {
    let host = (HOST_POOL, sources.pool.metrics(), sources.pool.status());
    let of_components = deployment.versions().iter().flat_map(|(name, version)| {
        let pools = version
            .resources()
            .session_pools()
            .into_iter()
            .zip(COMPONENT_POOLS);
        pools.filter_map(move |(pool, kind)| {
            let (metrics, status) = pool?.metrics()?;
            Some(([name.as_str(), kind], &**metrics, status))
        })
    });
    let pools: Vec<([&str; 2], &PoolMetrics, PoolStatus)> =
        std::iter::once(host).chain(of_components).collect();
    page.write(&of::POOL_CONNECTIONS, |series| {
        pools.iter().try_for_each(|(labels, _, status)| {
            let [component, pool] = *labels;
            series.add(&[component, pool, "in-use"], status.in_use)?;
            series.add(
                &[component, pool, "idle"],
                status.open.saturating_sub(status.in_use),
            )
        })
    })?;
    page.write(&of::POOL_MAX, |series| {
        pools
            .iter()
            .try_for_each(|(labels, _, status)| series.add(labels, status.max))
    })?;
    page.write(&of::POOL_WAITING, |series| {
        pools
            .iter()
            .try_for_each(|(labels, _, status)| series.add(labels, status.waiting))
    })?;
    page.write(&of::POOL_WAITS, |series| {
        pools
            .iter()
            .try_for_each(|(labels, metrics, _)| series.add_histogram(labels, &metrics.waits.read()))
    })?;
    page.write(&of::POOL_EXHAUSTED, |series| {
        pools
            .iter()
            .try_for_each(|(labels, metrics, _)| series.add(labels, metrics.exhausted.get()))
    })?;
    page.write(&of::POOL_FAILED, |series| {
        pools
            .iter()
            .try_for_each(|(labels, metrics, _)| series.add(labels, metrics.failed.get()))
    })?;
    page.write(&of::HOST_CONNECTION_USE, |series| {
        series.add_histogram(&[], &sources.pool.metrics().uses.read())
    })?;
    let of_components = || pools.iter().filter(|(labels, ..)| *labels != HOST_POOL);
    page.write(&of::CANCELLATIONS, |series| {
        of_components().try_for_each(|(labels, metrics, _)| series.add(labels, metrics.cancellations.get()))
    })?;
    page.write(&of::TERMINATIONS, |series| {
        of_components().try_for_each(|(labels, metrics, _)| series.add(labels, metrics.terminations.get()))
    })
}

/// The numbers of the live components of which `is_meant` is true.
fn components<'a>(
    deployment: &'a Deployment,
    is_meant: impl Fn(&Version) -> bool + 'a,
) -> impl Iterator<Item = (&'a str, &'a ComponentMetrics)> {
    let meant = deployment
        .versions()
        .iter()
        .filter(move |(_, version)| is_meant(version));
    meant.map(|(name, version)| (name.as_str(), &**version.resources().metrics()))
}

fn statements(page: &mut Page<'_>, deployment: &Deployment) -> fmt::Result {
    let with_database = || components(deployment, |version| version.spec().has(Capability::Postgres));
    page.write(&of::STATEMENTS, |series| {
        with_database().try_for_each(|(name, metrics)| counted(series, name, &metrics.statements))
    })?;
    page.write(&of::STATEMENT_DURATION, |series| {
        with_database()
            .try_for_each(|(name, metrics)| series.add_histogram(&[name], &metrics.statement_times.read()))
    })
}

fn outgoing(page: &mut Page<'_>, deployment: &Deployment) -> fmt::Result {
    page.write(&of::OUTGOING, |series| {
        components(deployment, |_| true)
            .try_for_each(|(name, metrics)| counted(series, name, &metrics.outgoing))
    })?;
    page.write(&of::OUTGOING_DURATION, |series| {
        let mut with_destinations = components(deployment, |version| !version.spec().outgoing.is_empty());
        with_destinations
            .try_for_each(|(name, metrics)| series.add_histogram(&[name], &metrics.outgoing_times.read()))
    })
}

fn cohere(page: &mut Page<'_>, deployment: &Deployment) -> fmt::Result {
    let with_models = || {
        components(deployment, |version| version.spec().has(Capability::Cohere))
            .map(|(name, metrics)| (name, &metrics.cohere))
    };
    page.write(&of::COHERE_CALLS, |series| {
        with_models().try_for_each(|(name, metrics)| {
            let mut outcomes = metrics.outcomes.all().into_iter();
            outcomes.try_for_each(|(outcome, count)| series.add(&[name, outcome], count.get()))
        })
    })?;
    page.write(&of::COHERE_DURATION, |series| {
        with_models().try_for_each(|(name, metrics)| series.add_histogram(&[name], &metrics.durations.read()))
    })?;
    page.write(&of::COHERE_IN_FLIGHT, |series| {
        with_models().try_for_each(|(name, metrics)| series.add(&[name], metrics.in_flight.get()))
    })?;
    page.write(&of::COHERE_RETRIES, |series| {
        with_models().try_for_each(|(name, metrics)| series.add(&[name], metrics.retries.get()))
    })?;
    page.write(&of::COHERE_TOKENS, |series| {
        with_models().try_for_each(|(name, metrics)| {
            series.add(&[name, "input"], metrics.input_tokens.get())?;
            series.add(&[name, "output"], metrics.output_tokens.get())
        })
    })
}

fn swaps(page: &mut Page<'_>, deployment: &Deployment, sources: &Sources) -> fmt::Result {
    let metrics = sources.rollout.metrics();
    let statuses = sources.app.statuses().all();
    metrics.swaps.retain(|(component, ..)| {
        statuses.contains_key(component) || deployment.versions().contains_key(component)
    });
    page.write(&of::SWAPS, |series| {
        metrics
            .swaps
            .all()
            .into_iter()
            .try_for_each(|((component, outcome, step), count)| {
                series.add(&[&component, outcome, step], count.get())
            })
    })?;
    page.write(&of::SWAP_DURATION, |series| {
        let mut times = metrics.times.all().into_iter();
        times.try_for_each(|(outcome, times)| series.add_histogram(&[outcome], &times.0.read()))
    })?;
    page.write(&of::SWAP_STEP_DURATION, |series| {
        let mut times = metrics.steps.all().into_iter();
        times.try_for_each(|(step, times)| series.add_histogram(&[step], &times.0.read()))
    })
}

fn versions(page: &mut Page<'_>, sources: &Sources) -> fmt::Result {
    let statuses = sources.app.statuses().all();
    page.write(&of::LIVE_VERSION, |series| {
        statuses.iter().try_for_each(|(component, status)| {
            let live = status.live.map_or(0, NonZeroU32::get);
            series.add(&[component], u64::from(live))
        })
    })?;
    page.write(&of::WANTED_VERSION, |series| {
        statuses.iter().try_for_each(|(component, status)| {
            let wanted = status.wanted.map_or(0, NonZeroU32::get);
            series.add(&[component], u64::from(wanted))
        })
    })?;
    page.write(&of::COMPONENT_STATE, |series| {
        statuses.iter().try_for_each(|(component, status)| {
            ["live", "compiling", "behind"].into_iter().try_for_each(|state| {
                series.add(&[component, state], u64::from(status.state.as_str() == state))
            })
        })
    })?;
    let known = sources.rollout.known();
    page.write(&of::HOSTS, |series| {
        known.iter().try_for_each(|(component, known)| {
            let mut hosts = known.hosts.iter();
            hosts.try_for_each(|(state, count)| series.add(&[component, state], *count))
        })
    })?;
    page.write(&of::KEPT_VERSIONS, |series| {
        known
            .iter()
            .try_for_each(|(component, known)| series.add(&[component], known.kept_versions))
    })
}
