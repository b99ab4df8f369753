//! The manifests and the Dockerfile that an operator deploys, compared to docs/backend-deployment.md, the specification
//! that the host took over with its place. What it says is read from it, not repeated here.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use berth::config::Config;
use serde_json::Value;

#[test]
fn the_base_has_every_field_of_the_specification_and_these_besides() {
    let mut besides = Vec::new();
    for specified in specification_of("yaml").iter().map(|text| yaml(text)) {
        let kind = specified["kind"].as_str().unwrap().to_owned();
        let (specified, built) = (fields(&specified), fields(&base(&kind)));
        for (path, value) in &specified {
            assert_eq!(built.get(path), Some(value), "{kind}: {path}");
        }
        let own = built.iter().filter(|(path, _)| !specified.contains_key(*path));
        besides.extend(own.map(|(path, value)| format!("{kind} {path}: {value}")));
    }
    insta::assert_snapshot!(besides.join("\n"));
}

#[test]
fn every_variable_of_the_specification_comes_from_where_it_says() {
    let built = fields(&base("Deployment"));
    let source = |name: &str, reference: &str| {
        let path =
            format!("spec.template.spec.containers.todo-backend.env.{name}.valueFrom.{reference}.name");
        built.get(&path).and_then(|value| value.as_str())
    };
    let document = read("docs/backend-deployment.md");
    let mut rows = 0;
    for row in document.lines() {
        let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [name, origin, _] = *cells else { continue };
        match origin {
            "Secret" => assert_eq!(source(name, "secretKeyRef"), Some("todo-secrets"), "{name}"),
            "ConfigMap" => assert_eq!(source(name, "configMapKeyRef"), Some("todo-config"), "{name}"),
            _ => continue,
        }
        rows += 1;
    }
    assert_eq!(rows, 5);
    let provided = base("ConfigMap")["data"].clone();
    for (path, key) in built
        .iter()
        .filter(|(path, _)| path.ends_with("configMapKeyRef.key"))
    {
        assert!(provided.get(key.as_str().unwrap()).is_some(), "{path}");
    }
}

#[test]
fn the_base_runs_in_production_and_minikube_in_development() {
    let environment = |map: &Value| map["data"]["environment"].clone();
    assert_eq!(environment(&base("ConfigMap")), "production");
    let overlay = "k8s/overlays/minikube";
    assert_eq!(
        environment(&yaml(&read(&format!("{overlay}/configmap.yaml")))),
        "development"
    );
    let patches = &yaml(&read(&format!("{overlay}/kustomization.yaml")))["patches"];
    assert_eq!(patches[0]["path"], "configmap.yaml");
}

#[test]
fn the_image_is_checked_and_reached_as_the_specification_has_it() {
    let specified = specification_of("dockerfile").concat();
    let ours = read("Dockerfile");
    let health = |text: &str| {
        let line = text
            .lines()
            .find(|line| line.starts_with("HEALTHCHECK"))
            .unwrap()
            .to_owned();
        line.split_whitespace()
            .filter(|word| word.starts_with("--"))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let port = |text: &str| {
        text.lines()
            .find(|line| line.starts_with("EXPOSE"))
            .map(str::to_owned)
    };
    assert_eq!(health(&ours), health(&specified));
    assert_eq!(health(&ours).len(), 4);
    assert_eq!(port(&ours), port(&specified));
    assert!(
        !ours.starts_with("# syntax="),
        "the build would fetch it from a registry"
    );
}

#[test]
fn the_example_of_a_secret_has_the_keys_that_are_needed_and_no_cluster_takes_it() {
    let name = "secret.yaml.example";
    let example = yaml(&read(&format!("k8s/base/{name}")));
    let built = fields(&base("Deployment"));
    let needed = built
        .iter()
        .filter(|(path, _)| path.ends_with("secretKeyRef.key"));
    let mut needed: Vec<_> = needed.map(|(_, key)| key.as_str().unwrap()).collect();
    needed.sort_unstable();
    let shown: Vec<_> = example["stringData"].as_object().unwrap().keys().collect();
    assert_eq!(shown, needed);

    assert!(
        ![".yaml", ".yml", ".json"]
            .iter()
            .any(|ending| name.ends_with(ending)),
        "`apply -f` takes those"
    );
    assert!(!read("k8s/base/kustomization.yaml").contains(name));
    assert!(
        example["metadata"]["name"]
            .as_str()
            .unwrap()
            .contains(|letter: char| letter.is_ascii_uppercase())
    );
}

#[test]
fn a_pod_that_ends_has_the_time_that_its_host_takes() {
    let pod = base("Deployment")["spec"]["template"]["spec"].clone();
    let pause = pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
        .as_u64()
        .unwrap();
    let grace = pod["terminationGracePeriodSeconds"].as_u64().unwrap();
    let manifest = tempfile::NamedTempFile::new().unwrap();
    let variables = [("BERTH_MANIFEST", manifest.path().to_str().unwrap())];
    let config = Config::read(&variables.into_iter().collect()).unwrap();
    assert!(Duration::from_secs(grace) > Duration::from_secs(pause) + config.edge.drain_timeout);
}

/// The code blocks of the specification in one language.
fn specification_of(language: &str) -> Vec<String> {
    let document = read("docs/backend-deployment.md");
    let fence = format!("```{language}\n");
    let blocks: Vec<_> = document
        .split(&fence)
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap().to_owned())
        .collect();
    assert!(!blocks.is_empty(), "{language}");
    blocks
}

fn base(kind: &str) -> Value {
    yaml(&read(&format!("k8s/base/{}.yaml", kind.to_lowercase())))
}

fn yaml(text: &str) -> Value {
    serde_saphyr::from_str(text).unwrap()
}

fn read(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    std::fs::read_to_string(root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every value that has no parts, under its path. What is in a list is called by what tells it from its neighbours.
fn fields(value: &Value) -> BTreeMap<String, Value> {
    let mut fields = BTreeMap::new();
    collect(value, String::new(), &mut fields);
    fields
}

fn collect(value: &Value, path: String, fields: &mut BTreeMap<String, Value>) {
    let below = |name: &str| {
        if path.is_empty() {
            name.to_owned()
        } else {
            format!("{path}.{name}")
        }
    };
    match value {
        Value::Object(parts) => parts
            .iter()
            .for_each(|(name, part)| collect(part, below(name), fields)),
        Value::Array(elements) => {
            for (index, element) in elements.iter().enumerate() {
                let called = ["name", "containerPort", "port"]
                    .iter()
                    .find_map(|key| element.get(key));
                let called =
                    called.map_or_else(|| index.to_string(), |name| name.to_string().replace('"', ""));
                collect(element, below(&called), fields);
            }
        }
        _ => {
            fields.insert(path, value.clone());
        }
    }
}
