(module
  (import "berth:identity/caller@0.1.0" "current" (func $current (param i32)))
  (memory (export "memory") 2)

  ;; A record with this many fields is passed as a pointer, both as parameter and as result.
  (func (export "test:trial/trial@0.1.0#echo") (param i32) (result i32) (local.get 0))

  ;; The principal follows the option's discriminant, and its subject is its first field.
  (func (export "test:trial/trial@0.1.0#who") (result i32)
    (call $current (i32.const 1024))
    (i32.const 1028))

  (func (export "test:trial/trial@0.1.0#number") (result i32) (i32.const 1))
  (func (export "test:trial/trial@0.1.0#trap") (result i32) (unreachable))
  (func (export "test:trial/trial@0.1.0#trap-and-tell") (result i32) (unreachable))
  (func (export "test:trial/trial@0.1.0#trap-and-hint") (result i32) (unreachable))
  (func (export "test:trial/trial@0.1.0#spin") (result i32) (loop (br 0)) (unreachable))
  (func (export "wasi:http/incoming-handler@0.2.12#handle") (param i32 i32))

  ;; A bump allocator.
  (global $heap (mut i32) (i32.const 65536))
  (func (export "cabi_realloc") (param i32 i32) (param $align i32) (param $size i32) (result i32)
    (local $place i32)
    (local.set $place
      (i32.and
        (i32.add (global.get $heap) (i32.sub (local.get $align) (i32.const 1)))
        (i32.sub (i32.const 0) (local.get $align))))
    (global.set $heap (i32.add (local.get $place) (local.get $size)))
    (local.get $place)))
