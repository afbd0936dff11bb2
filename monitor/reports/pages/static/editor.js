"use strict";
// The SQL editor: highlighting, Shift-Enter to run, tidy-up.
window.addEventListener("load", () => {
  const format = document.querySelector("button#sql-format");
  const field = document.querySelector("textarea#sql-editor");
  if (field) {
    const editor = CodeMirror.fromTextArea(field, { lineNumbers: true, mode: "text/x-sql", lineWrapping: true });
    editor.setOption("extraKeys", { "Shift-Enter": () => field.form.requestSubmit(), Tab: false });
    if (format) {
      format.hidden = false;
      format.addEventListener("click", () => editor.setValue(sqlFormatter.format(editor.getValue())));
    }
  }
});
