//! The series of the live components.

use std::fmt;
use std::sync::Arc;

use berth_metrics::{Counters, Label};
use berth_runtime::metrics::{ComponentMetrics, RouteMetrics};
use berth_runtime::{Deployment, Use, Version};

use super::catalog::{self as of, Metric};
use super::host::times;
use super::page::{Page, Series};

/// A live component, as it is when the page is written.
struct Component<'a> {
    name: &'a str,
    metrics: &'a ComponentMetrics,
    in_use: Use,
    /// The routes of the live version, and not those that it once had.
    routes: Vec<(String, Arc<RouteMetrics>)>,
}

impl<'a> Component<'a> {
    fn read(name: &'a str, version: &'a Version) -> Self {
        let metrics = version.resources().metrics();
        let routes = version.spec().routes.iter().map(ToString::to_string);
        let routes: Vec<_> = routes
            .map(|route| (route.clone(), metrics.routes.get(&*route)))
            .collect();
        metrics
            .routes
            .retain(|known| routes.iter().any(|(route, _)| route == known));
        Self {
            name,
            metrics,
            in_use: version.in_use(),
            routes,
        }
    }
}

pub(super) fn write(page: &mut Page<'_>, deployment: &Deployment) -> fmt::Result {
    let components: Vec<_> = deployment
        .versions()
        .iter()
        .map(|(name, version)| Component::read(name, version))
        .collect();
    requests(page, &components)?;
    instances(page, &components)?;
    limits(page, &components)?;
    calls(page, &components, deployment)
}

fn requests(page: &mut Page<'_>, components: &[Component<'_>]) -> fmt::Result {
    let routes = || {
        components.iter().flat_map(|one| {
            one.routes
                .iter()
                .map(move |(route, metrics)| (one.name, route, metrics))
        })
    };
    page.write(&of::COMPONENT_REQUESTS, |series| {
        routes().try_for_each(|(name, route, metrics)| {
            let mut statuses = metrics.statuses.all();
            statuses.try_for_each(|(status, count)| series.add(&[name, route, status], count))
        })
    })?;
    page.write(&of::COMPONENT_DURATION, |series| {
        routes().try_for_each(|(name, route, metrics)| times(series, &[name, route], metrics))
    })?;
    page.write(&of::COMPONENT_IN_FLIGHT, |series| {
        routes().try_for_each(|(name, route, metrics)| series.add(&[name, route], metrics.in_flight.get()))
    })
}

fn instances(page: &mut Page<'_>, components: &[Component<'_>]) -> fmt::Result {
    each(page, &of::INSTANCES, components, |series, one| {
        series.add(&[one.name], one.in_use.instances)
    })?;
    each(page, &of::INSTANCES_MAX, components, |series, one| {
        series.add(&[one.name], one.in_use.max_instances)
    })?;
    each(page, &of::WAITING, components, |series, one| {
        series.add(&[one.name], one.metrics.waiting.get())
    })?;
    each(page, &of::QUEUE, components, |series, one| {
        series.add_histogram(&[one.name], &one.metrics.queue.read())
    })?;
    each(page, &of::CPU, components, |series, one| {
        series.add(&[one.name], one.metrics.cpu.get())
    })?;
    each(page, &of::INSTANCE_MEMORY, components, |series, one| {
        series.add_histogram(&[one.name], &one.metrics.memory.read())
    })?;
    each(page, &of::INSTANCE_MEMORY_PEAK, components, |series, one| {
        series.add(&[one.name], one.metrics.peak_memory.get())
    })?;
    each(page, &of::MEMORY_HELD, components, |series, one| {
        series.add(&[one.name], one.in_use.memory.held)
    })?;
    each(page, &of::MEMORY_SHARE, components, |series, one| {
        series.add(&[one.name], one.in_use.memory.limit)
    })
}

fn limits(page: &mut Page<'_>, components: &[Component<'_>]) -> fmt::Result {
    each(page, &of::FAILURES, components, |series, one| {
        counted(series, one.name, &one.metrics.failures)
    })?;
    each(page, &of::LIMITS, components, |series, one| {
        counted(series, one.name, &one.metrics.limits)?;
        series.add(&[one.name, "log"], one.in_use.dropped_log.0)
    })?;
    each(page, &of::DROPPED_LOG_LINES, components, |series, one| {
        series.add(&[one.name], one.in_use.dropped_log.0)
    })?;
    each(page, &of::DROPPED_LOG_BYTES, components, |series, one| {
        series.add(&[one.name], one.in_use.dropped_log.1)
    })
}

/// The calls to components that the live version may call.
fn calls(page: &mut Page<'_>, components: &[Component<'_>], deployment: &Deployment) -> fmt::Result {
    for one in components {
        let version = deployment.versions().get(one.name);
        let may_call = |callee: &String| {
            version.is_some_and(|version| version.spec().imports.values().any(|import| import == callee))
        };
        one.metrics.calls.retain(may_call);
    }
    page.write(&of::CALLS, |series| {
        components.iter().try_for_each(|one| {
            let calls = one.metrics.calls.all().into_iter();
            calls.into_iter().try_for_each(|(callee, calls)| {
                let mut outcomes = calls.outcomes.all();
                outcomes.try_for_each(|(outcome, count)| series.add(&[one.name, &callee, outcome], count))
            })
        })
    })?;
    page.write(&of::CALL_DURATION, |series| {
        components.iter().try_for_each(|one| {
            let mut calls = one.metrics.calls.all().into_iter();
            calls.try_for_each(|(callee, calls)| {
                series.add_histogram(&[one.name, &callee], &calls.times.read())
            })
        })
    })
}

/// Writes a metric, with `add` for each component.
fn each(
    page: &mut Page<'_>,
    metric: &Metric,
    components: &[Component<'_>],
    add: impl Fn(&mut Series<'_>, &Component<'_>) -> fmt::Result,
) -> fmt::Result {
    page.write(metric, |series| {
        components.iter().try_for_each(|one| add(series, one))
    })
}

/// Adds a component's counters, by the values of a label.
pub(super) fn counted<L: Label>(
    series: &mut Series<'_>,
    component: &str,
    counters: &Counters<L>,
) -> fmt::Result {
    counters
        .all()
        .try_for_each(|(value, count)| series.add(&[component, value], count))
}
