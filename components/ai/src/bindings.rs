//! Code that `wit-bindgen` generates for the one interface that this component imports from another component.
#![expect(clippy::pedantic, reason = "generated code, documented in wit/")]

berth_sdk::interface!({
    inline: "
        package berth:ai;

        world tasks {
            import todo:tasks/tasks@0.1.0;
        }
    ",
    path: "../../wit",
    world: "berth:ai/tasks",
    additional_derives: [PartialEq],
});
