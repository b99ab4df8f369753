#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::time::Duration;

use tokio::time::timeout;

use super::*;
use crate::fixtures::{self, Host, spec};
use crate::request::refused_statement::LastRefusal;
use crate::{Capability, ComponentSpec, Principal};

const TRIAL: &str = "test:trial/trial@0.1.0";
const WIT: &str = include_str!("tests/trial.wit");
const CALLEE: &str = include_str!("tests/callee.wat");

type Fixture = (ComponentSpec, Vec<u8>);

/// A component that forwards every call to `callee`.
fn relay(name: &str, callee: &str) -> Fixture {
    let component = fixtures::component(WIT, "relay", include_str!("tests/relay.wat"));
    (spec(name, &[("test:trial/trial", callee)]), component)
}

/// The component that serves the calls.
fn callee() -> Fixture {
    let mut spec = spec("callee", &[]);
    spec.capabilities.insert(Capability::Identity);
    (spec, fixtures::component(WIT, "callee", CALLEE))
}

fn text(text: &str) -> Val {
    Val::String(text.to_owned())
}

fn some(value: Val) -> Val {
    Val::Option(Some(Box::new(value)))
}

fn ok(value: Val) -> Val {
    Val::Result(Ok(Some(Box::new(value))))
}

fn err(value: Val) -> Val {
    Val::Result(Err(Some(Box::new(value))))
}

fn case(name: &str, value: Val) -> Val {
    Val::Variant(name.to_owned(), Some(Box::new(value)))
}

/// Calls a function of a component as a client's request would.
async fn call(
    host: &Host,
    version: &Arc<Version>,
    function: &str,
    params: Vec<Val>,
) -> Result<Val, HandleError> {
    let target = Target {
        callee: version.spec().name.clone(),
        interface: TRIAL.to_owned(),
        function: function.to_owned(),
    };
    let principal = Principal {
        subject: "user-1".to_owned(),
        email: None,
        name: None,
        anonymous: false,
    };
    let context = RequestContext {
        component: version.spec().name.clone(),
        version: version.number(),
        request_id: "request-1".to_owned(),
        route: None,
        principal: Some(principal),
        usage: Arc::default(),
        span: berth_traces::Span::none(),
        log: version.resources().log.clone(),
        traps: version.resources().traps.clone(),
        metrics: Arc::clone(version.resources().metrics()),
        last_refusal: LastRefusal::default(),
    };
    let calls = Calls::new(Arc::clone(&host.registry));
    let mut results = Arc::new(target).run(version, context, calls, params, 1).await?;
    Ok(results.remove(0))
}

#[tokio::test]
async fn values_of_every_type_cross_both_ways() {
    let strings = |of: &[&str]| Val::List(of.iter().copied().map(text).collect());
    let everything = [
        ("boolean", Val::Bool(true)),
        (
            "signed",
            Val::Tuple(vec![
                Val::S8(-1),
                Val::S16(i16::MIN),
                Val::S32(-3),
                Val::S64(i64::MIN),
            ]),
        ),
        (
            "unsigned",
            Val::Tuple(vec![
                Val::U8(1),
                Val::U16(u16::MAX),
                Val::U32(3),
                Val::U64(u64::MAX),
            ]),
        ),
        (
            "floats",
            Val::Tuple(vec![Val::Float32(-0.0), Val::Float64(f64::INFINITY)]),
        ),
        ("letter", Val::Char('🦀')),
        ("text", text("grün\0✓")),
        ("bytes", Val::List(vec![Val::U8(0), Val::U8(255)])),
        ("nested", Val::List(vec![strings(&["a", ""]), strings(&[])])),
        ("given", some(text("here"))),
        ("missing", Val::Option(None)),
        ("cleared", some(Val::Option(None))),
        ("good", ok(text("fine"))),
        ("bad", err(Val::S64(-7))),
        ("bare", Val::Result(Err(None))),
        ("colour", Val::Enum("blue".to_owned())),
        ("rights", Val::Flags(vec!["read".to_owned(), "run".to_owned()])),
        ("point", Val::Variant("point".to_owned(), None)),
        ("circle", case("circle", Val::Float64(2.5))),
    ];
    let everything = Val::Record(everything.map(|(name, value)| (name.to_owned(), value)).into());

    let host = Host::new();
    let relay = host.deploy(vec![relay("relay", "callee"), callee()]).await;
    assert_eq!(
        call(&host, &relay, "echo", vec![everything.clone()]).await,
        Ok(everything)
    );
}

#[tokio::test]
async fn the_callee_answers_for_the_callers_principal() {
    let host = Host::new();
    let relay = host.deploy(vec![relay("relay", "callee"), callee()]).await;
    assert_eq!(call(&host, &relay, "who", vec![]).await, Ok(text("user-1")));
}

#[tokio::test]
async fn each_call_goes_to_the_version_that_is_live() {
    let host = Host::new();
    let relay_version = host.deploy(vec![relay("relay", "callee"), callee()]).await;
    assert_eq!(
        call(&host, &relay_version, "number", vec![]).await,
        Ok(Val::U32(1))
    );

    let next = CALLEE.replace("(i32.const 1))", "(i32.const 2))");
    let next = (callee().0, fixtures::component(WIT, "callee", &next));
    host.deploy(vec![relay("relay", "callee"), next]).await;
    assert_eq!(
        call(&host, &relay_version, "number", vec![]).await,
        Ok(Val::U32(2))
    );
}

#[tokio::test]
async fn a_compatible_version_of_the_interface_will_do() {
    let later = |text: &str| {
        text.replace("test:trial@0.1.0", "test:trial@0.1.7")
            .replace(TRIAL, "test:trial/trial@0.1.7")
    };
    let later = (
        callee().0,
        fixtures::component(&later(WIT), "callee", &later(CALLEE)),
    );
    let host = Host::new();
    let relay = host.deploy(vec![relay("relay", "callee"), later]).await;
    assert_eq!(call(&host, &relay, "number", vec![]).await, Ok(Val::U32(1)));
}

#[tokio::test]
async fn a_callee_that_traps_is_unavailable_to_a_caller_that_can_be_told() {
    let host = Host::new();
    let relay = host.deploy(vec![relay("relay", "callee"), callee()]).await;

    let reason = text("the component `callee` gave no answer: the component failed");
    let told = err(case(UNAVAILABLE, reason));
    assert_eq!(call(&host, &relay, "trap-and-tell", vec![]).await, Ok(told));

    let hinted = err(Val::Enum(UNAVAILABLE.to_owned()));
    assert_eq!(call(&host, &relay, "trap-and-hint", vec![]).await, Ok(hinted));

    assert_eq!(
        call(&host, &relay, "trap", vec![]).await,
        Err(HandleError::Failed)
    );
}

#[tokio::test]
async fn a_callee_over_its_time_fails_its_caller_as_itself() {
    let mut callee = callee();
    callee.0.limits.cpu = Duration::from_millis(1);
    let host = Host::new();
    let relay = host.deploy(vec![relay("relay", "callee"), callee]).await;
    assert_eq!(
        call(&host, &relay, "spin", vec![]).await,
        Err(HandleError::TimedOut)
    );
}

#[tokio::test]
async fn a_callee_ends_with_its_caller() {
    let mut callee = callee();
    callee.0.limits = crate::Limits {
        concurrency: 1,
        cpu: Duration::from_hours(1),
        time: Duration::from_hours(1),
        ..callee.0.limits
    };
    let mut relay = relay("relay", "callee");
    relay.0.limits.time = Duration::from_millis(50);
    let host = Host::new();
    let relay = host.deploy(vec![relay, callee]).await;
    assert_eq!(
        call(&host, &relay, "spin", vec![]).await,
        Err(HandleError::TimedOut)
    );

    // The callee ends in a task of its own, at the latest at the next tick of its clock.
    let callee = host.registry.current().version("callee").unwrap();
    let permit = timeout(Duration::from_mins(1), callee.resources.permits.acquire());
    assert!(
        permit.await.is_ok_and(|permit| permit.is_ok()),
        "the callee's only place is free again"
    );
}

#[tokio::test]
async fn a_busy_callee_makes_its_caller_busy() {
    let host = Host::new();
    let relay = host.deploy(vec![relay("relay", "callee"), callee()]).await;
    host.registry
        .current()
        .version("callee")
        .unwrap()
        .resources
        .permits
        .close();
    assert_eq!(
        call(&host, &relay, "number", vec![]).await,
        Err(HandleError::Busy)
    );
}

#[tokio::test]
async fn calls_are_nested_four_deep_and_no_deeper() {
    let host = Host::new();
    let chain = [("a", "b"), ("b", "c"), ("c", "d"), ("d", "callee")].map(|(name, next)| relay(name, next));
    let first = host.deploy(chain.into_iter().chain([callee()]).collect()).await;
    assert_eq!(call(&host, &first, "number", vec![]).await, Ok(Val::U32(1)));

    let circle = host.deploy(vec![relay("a", "b"), relay("b", "a")]).await;
    let reason = text("calls are nested more than 4 deep: a → b → a → b → a → b");
    let refused = err(case(UNAVAILABLE, reason));
    assert_eq!(call(&host, &circle, "trap-and-tell", vec![]).await, Ok(refused));
}

#[tokio::test]
async fn a_component_that_is_not_live_cannot_be_called() {
    let host = Host::new();
    let relay = host.deploy(vec![relay("relay", "callee")]).await;
    assert_eq!(
        call(&host, &relay, "number", vec![]).await,
        Err(HandleError::Failed)
    );
}
