// The zoom of a page turns its pages in the order in which the rows stand now.
document.querySelector(".pruna-table").addEventListener("pruna-order", () => {
  links = [...document.querySelectorAll("tbody a.zoom")];
});
