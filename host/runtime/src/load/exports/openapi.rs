//! `berth:openapi/document`, an optional export of components: the document of their routes.

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

/// Reads the component's OpenAPI document, if there is one.
pub(crate) async fn get(version: &Version) -> Result<Option<Arc<str>>, String> {
    if !version.exports(EXPORT) {
        return Ok(None);
    }
    let call = version.ask(async |mut store| {
        let pre = DocumentPre::new(version.pre.instance_pre().clone())?;
        let instance = pre.instantiate_async(&mut store).await?;
        instance.berth_openapi_document().call_get(&mut store).await
    });
    let document = call.await?;
    match serde_json::from_str::<serde_json::Value>(&document) {
        Ok(serde_json::Value::Object(_)) => Ok(Some(Arc::from(document))),
        Ok(_) => Err("its OpenAPI document is not a JSON object".to_owned()),
        Err(error) => Err(format!("its OpenAPI document is not valid JSON: {error}")),
    }
}
