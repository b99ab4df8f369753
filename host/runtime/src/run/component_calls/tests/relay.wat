(module
  (import "test:trial/trial@0.1.0" "echo" (func $echo (param i32 i32)))
  (import "test:trial/trial@0.1.0" "who" (func $who (param i32)))
  (import "test:trial/trial@0.1.0" "number" (func $number (result i32)))
  (import "test:trial/trial@0.1.0" "trap" (func $trap (result i32)))
  (import "test:trial/trial@0.1.0" "trap-and-tell" (func $trap-and-tell (param i32)))
  (import "test:trial/trial@0.1.0" "trap-and-hint" (func $trap-and-hint (param i32)))
  (import "test:trial/trial@0.1.0" "spin" (func $spin (result i32)))
  (memory (export "memory") 2)

  ;; A result that is more than a number is written to the caller's return pointer, here 1024.
  (func (export "test:trial/trial@0.1.0#echo") (param i32) (result i32)
    (call $echo (local.get 0) (i32.const 1024))
    (i32.const 1024))
  (func (export "test:trial/trial@0.1.0#who") (result i32)
    (call $who (i32.const 1024))
    (i32.const 1024))
  (func (export "test:trial/trial@0.1.0#number") (result i32) (call $number))
  (func (export "test:trial/trial@0.1.0#trap") (result i32) (call $trap))
  (func (export "test:trial/trial@0.1.0#trap-and-tell") (result i32)
    (call $trap-and-tell (i32.const 1024))
    (i32.const 1024))
  (func (export "test:trial/trial@0.1.0#trap-and-hint") (result i32)
    (call $trap-and-hint (i32.const 1024))
    (i32.const 1024))
  (func (export "test:trial/trial@0.1.0#spin") (result i32) (call $spin))
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
