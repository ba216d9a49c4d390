// Filters the list. The page is whole without it.
const filter = document.getElementById("filter");
filter.hidden = false;
filter.addEventListener("input", () => {
  const wanted = filter.value.trim().toLowerCase();
  for (const section of document.querySelectorAll("section")) {
    let shown = 0;
    for (const operation of section.querySelectorAll("details")) {
      const fits = operation.querySelector("summary").textContent.toLowerCase().includes(wanted);
      operation.hidden = !fits;
      shown += fits;
    }
    section.hidden = shown === 0;
  }
});
