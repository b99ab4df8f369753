// Parts of a view that are made anew only when their values have changed, so that focus, selection and scrolling stay.

/** Wraps `show`, which takes a value that has a JSON form. */
export function onChange(show) {
  let shown;
  return (value) => {
    const next = JSON.stringify(value);
    if (next === shown) return;
    shown = next;
    show(value);
  };
}
