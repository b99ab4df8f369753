#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

use super::*;
use crate::fixtures::{Host, dummy, spec, wit};
use crate::load::exports;

/// A component that imports every interface of every capability.
fn greedy() -> Vec<u8> {
    let imports: Vec<_> = Capability::all()
        .flat_map(Capability::interfaces)
        .map(|interface| format!("import {interface};"))
        .collect();
    let imports = imports.join(" ");
    let wit = format!(
        "package test:greedy; world greedy {{ {imports} export wasi:http/incoming-handler@0.2.12; }}"
    );
    dummy(&wit, "greedy")
}

/// The manifest's entry of that component, with every capability but one.
fn without(missing: Option<Capability>) -> ComponentSpec {
    let mut spec = spec("greedy", &[]);
    spec.capabilities = Capability::all()
        .filter(|capability| Some(*capability) != missing)
        .collect();
    spec
}

#[test]
fn every_package_of_the_host_has_a_place() {
    let wit = wit();
    let packages = wit
        .package_names
        .keys()
        .map(|name| format!("{}:{}", name.namespace, name.name));
    for package in packages.filter(|package| callees::is_of_the_host(package)) {
        let is_granted = Capability::all().any(|capability| capability.package() == package);
        let is_exported = exports::PACKAGES.contains(&&*package);
        let is_world = package == "berth:worlds";
        let places = [is_granted, is_ambient(&package), is_exported, is_world];
        assert_eq!(
            places.into_iter().filter(|place| *place).count(),
            1,
            "`{package}` must be a row of the table of capabilities, or else ambient or an export"
        );
    }
}

#[tokio::test]
async fn all_capabilities_together_link() {
    let linked = Host::new().verify(without(None), &greedy()).await;
    assert!(linked.is_ok(), "{:?}", linked.err());
}

#[test]
fn a_capability_without_a_grant_is_refused_by_its_name() {
    let uncompiled = Uncompiled::read(greedy().into()).unwrap();
    for capability in Capability::all() {
        let refusal = uncompiled.check(&without(Some(capability))).unwrap_err();
        let expected = format!(
            "it imports `{}`, which is not granted; add \"{capability}\" to `capabilities` in [components.greedy]",
            capability.interfaces()[0]
        );
        assert!(refusal.to_string().starts_with(&expected), "{refusal}");
    }
}
