// A stock phrase goes into the text when it is picked. Without this it is sent beside the text.
for (const pick of document.querySelectorAll("select[data-into]")) {
  pick.addEventListener("change", () => {
    const text = document.getElementById(pick.dataset.into);
    if (!pick.value || !text) return;
    text.value = text.value.trim() ? `${text.value.trimEnd()}\n${pick.value}` : pick.value;
    pick.value = "";
    text.focus();
  });
}
