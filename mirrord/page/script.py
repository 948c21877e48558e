"""The only script of the page: it asks for newer numbers every half minute, and says where none come.

A ``refresh`` of the whole document would lose the place that one reads at, and make a screen reader begin anew.  Here
scroll position and focus stay, and nothing is replaced under a selection or in a window that nobody sees.  Without it
the page is whole, and old until it is loaded again.
"""

from typing import Final

REFRESH_SECONDS: Final = 30

SCRIPT: Final = """
"use strict";
let asking = false;
async function refresh() {
  const old = document.getElementById("old");
  if (asking || document.hidden || !getSelection().isCollapsed) return;
  asking = true;
  try {
    const answer = await fetch(location.pathname, {cache: "no-store", signal: AbortSignal.timeout(15000)});
    if (!answer.ok) throw new Error(answer.status);
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    const parts = ["main", "title", "link[rel=icon]", "#taken"];
    if (!parts.every(what => fresh.querySelector(what))) throw new Error("another page");
    const focused = document.activeElement && document.activeElement.id;
    for (const what of parts) {
      document.querySelector(what).replaceWith(fresh.querySelector(what));
    }
    if (focused && document.getElementById(focused)) {
      document.getElementById(focused).focus({preventScroll: true});
    }
    old.hidden = true;
  } catch {
    old.hidden = false;
  } finally {
    asking = false;
  }
}
setInterval(refresh, SECONDS * 1000);
document.addEventListener("visibilitychange", refresh);
""".replace("SECONDS", str(REFRESH_SECONDS))
