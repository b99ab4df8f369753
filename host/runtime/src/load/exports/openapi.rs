//! The OpenAPI document of a component's routes, which is optional: a custom section `berth:openapi`, or else the export
//! `berth:openapi/document`.

use std::sync::Arc;

use self::bindings::DocumentPre;
use crate::run::version::Version;

mod bindings {
    wasmtime::component::bindgen!({
        path: "../../wit/deps/openapi",
        inline: "package berth:host; world document { export berth:openapi/document@0.1.0; }",
        world: "berth:host/document",
        exports: { default: async },
    });
}

/// The export's name in reports.
pub(crate) const EXPORT: &str = "berth:openapi/document@0.1.0";

/// Reads the component's OpenAPI document, if there is one. `section` is the content of its custom section.
pub(crate) async fn get(version: &Version, section: Option<&[u8]>) -> Result<Option<Arc<str>>, String> {
    match section {
        Some(section) => check(String::from_utf8_lossy(section).into_owned()).map(Some),
        None if version.exports(EXPORT) => check(call(version).await?).map(Some),
        None => Ok(None),
    }
}

/// Calls the export.
async fn call(version: &Version) -> Result<String, String> {
    let call = version.ask(async |mut store| {
        let pre = DocumentPre::new(version.pre.instance_pre().clone())?;
        let instance = pre.instantiate_async(&mut store).await?;
        instance.berth_openapi_document().call_get(&mut store).await
    });
    call.await
}

fn check(document: String) -> Result<Arc<str>, String> {
    match serde_json::from_str::<serde_json::Value>(&document) {
        Ok(serde_json::Value::Object(_)) => Ok(Arc::from(document)),
        Ok(_) => Err("its OpenAPI document is not a JSON object".to_owned()),
        Err(error) => Err(format!("its OpenAPI document is not valid JSON: {error}")),
    }
}
