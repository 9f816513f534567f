// What was typed before a script arrived, or put back by the browser, counts as typed too.

function differs(field) {
  if (["hidden", "file", "submit", "button"].includes(field.type)) return false;
  if (["checkbox", "radio"].includes(field.type)) return field.checked !== field.defaultChecked;
  if (field.localName === "select") {
    const given = [...field.options].map((option) => option.defaultSelected).lastIndexOf(true);
    return !field.multiple && field.selectedIndex !== Math.max(given, 0);
  }
  return "defaultValue" in field && field.value !== field.defaultValue;
}

export function typedAlready(form) {
  return [...form.elements].some(differs);
}
