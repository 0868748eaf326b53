// Copies a text: shows the buttons that do it, and says whether it worked. Outside a secure context, a browser has no
// clipboard for scripts; then the text is selected and copied as by a person.
"use strict";
(() => {
  const select = (text) => {
    const range = document.createRange();
    range.selectNodeContents(text);
    getSelection().removeAllRanges();
    getSelection().addRange(range);
    return document.execCommand("copy");
  };

  const copy = async (text) => {
    try {
      await navigator.clipboard.writeText(text.textContent);
      return true;
    } catch {
      return select(text);
    }
  };

  for (const button of document.querySelectorAll("[data-copies]")) {
    const said = button.parentElement.querySelector("[role=status]");
    button.hidden = false;
    button.addEventListener("click", async () => {
      said.textContent = "";
      const works = await copy(document.getElementById(button.dataset.copies));
      said.textContent = works ? "Copied" : "Selected: press Ctrl+C to copy";
    });
  }
})();

// Updates a page: requests it again and replaces the changed parts that are marked data-live. Unchanged parts are not
// replaced, so that they keep their focus, selection, open details and scroll positions.
(() => {
  const seconds = Number(document.body.dataset.refresh);
  if (!seconds) return;
  const live = [...document.querySelectorAll("[data-live]")];
  const last = new Map(live.map((part) => [part, part.innerHTML]));
  const following = document.getElementById("following");
  const liveness = document.getElementById("liveness");
  const pause = document.getElementById("pause");
  const usual = liveness.textContent;

  const show = (text) => {
    if (liveness.textContent !== text) liveness.textContent = text;
  };

  const boxes = (part) => [...part.querySelectorAll(".scroll")];

  const replace = (part, other) => {
    const focused = part.contains(document.activeElement) ? document.activeElement : null;
    const open = [...part.querySelectorAll("details[open]")].map((one) => one.id);
    const scrolled = new Map(boxes(part).map((one) => [one.ariaLabel, one.scrollLeft]));
    part.replaceChildren(...other.childNodes);
    for (const one of part.querySelectorAll("details")) one.open = open.includes(one.id);
    for (const one of boxes(part)) one.scrollLeft = scrolled.get(one.ariaLabel) || 0;
    if (!focused) return;
    const same = focused.id
      ? document.getElementById(focused.id)
      : [...part.querySelectorAll("a, .scroll")].find(
          (one) => one.href === focused.href && one.ariaLabel === focused.ariaLabel,
        );
    (same || document.getElementById("main")).focus({ preventScroll: true });
  };

  const takeOver = (text) => {
    const fresh = new DOMParser().parseFromString(text, "text/html");
    for (const part of live) {
      const other = fresh.getElementById(part.id);
      if (!other || other.innerHTML === last.get(part)) continue;
      last.set(part, other.innerHTML);
      replace(part, other);
    }
    document.title = fresh.title;
    return Boolean(fresh.body.dataset.refresh);
  };

  const update = async () => {
    if (document.hidden || pause.ariaPressed === "true") return true;
    try {
      const answer = await fetch(location.href, { cache: "no-store" });
      const text = await answer.text();
      show(usual);
      if (answer.ok) return takeOver(text);
      location.reload();
      return false;
    } catch {
      show("The emulator does not answer; this page continues to retry.");
      return true;
    }
  };

  const turn = async () => {
    if (await update()) setTimeout(turn, seconds * 1000);
    else following.hidden = true;
  };

  pause.addEventListener("click", () => {
    pause.ariaPressed = String(pause.ariaPressed !== "true");
    show(pause.ariaPressed === "true" ? "This page is paused." : usual);
  });
  following.hidden = false;
  setTimeout(turn, seconds * 1000);
})();
