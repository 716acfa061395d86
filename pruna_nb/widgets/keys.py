"""Keys and clicks for widgets, as handlers within their HTML, that click their buttons.

The handlers are constants of this module, in attributes: no text of a user is in a script, and
nothing is loaded. Where a host runs none of them, as with a notebook that is not trusted, the
buttons are still there.
"""

from __future__ import annotations

import html
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_PIXEL = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"


def clicks(button: str, inside: str) -> str:
    """Return an attribute that has a click on an element click a button beside it.

    Parameters
    ----------
    button, inside : str
        Classes: of the button, and of what holds both.
    """
    script = f"this.closest('.{inside}').querySelector('.{button}').click()"
    return f'onclick="{html.escape(script)}"'


def presses(inside: str, keys: Mapping[str, str], *, focus: str = "", own: bool = False) -> str:
    """Return an unseen element that has keys click buttons, wherever the focus is inside a box.

    Parameters
    ----------
    inside : str
        The class of the box that holds the element and the buttons.
    keys : mapping of str to str
        The class of a button by the key's name, such as "ArrowLeft" or "Control+Enter"; of several
        buttons, the one that is seen.
    focus : str
        The class of the field that takes the focus as soon as the element is there, if any.
    own : bool
        Whether no key from within the box is one of Jupyter's shortcuts; so it is with `focus`.
    """
    # what is not displayed yet takes no focus: the box may come a moment after the element
    take = (
        "const take = (tries) => {"
        f"const field = box.querySelector('.{focus} input');"
        "if (!field || field.offsetParent === null) {"
        "if (tries) setTimeout(take, 40, tries - 1); return; }"
        "field.focus({preventScroll: true}); box.scrollIntoView({block: 'nearest'}); };"
        "take(50);"
    )
    # Jupyter's own shortcuts are heard before those of a page, but not from within such a box
    suppress = "box.setAttribute('data-lm-suppress-shortcuts', 'true');" if focus or own else ""
    script = f"""
const box = this.closest('.{inside}');
if (!box) return;
{suppress}{take if focus else ""}
if (box.prunaKeys) return;
box.prunaKeys = {json.dumps(dict(keys))};
box.addEventListener('keydown', (event) => {{
  const name = (event.ctrlKey || event.metaKey ? 'Control+' : '') + event.key;
  const all = box.prunaKeys[name] ? [...box.querySelectorAll('.' + box.prunaKeys[name])] : [];
  const button = all.find((each) => each.offsetParent !== null) || all[0];
  if (!button) return;
  event.preventDefault();
  event.stopPropagation();
  button.click();
}}, true);"""
    line = html.escape(" ".join(script.split()))
    return f"<img src='{_PIXEL}' alt='' style='display:none' onload=\"{line}\">"


def picks(field: str, inside: str, tag: str) -> str:
    """Return an unseen element that has a click on a picture write its number into a field.

    What else the click would do, such as open a fold, is left undone. One field for all pictures
    needs no widget for each.

    Parameters
    ----------
    field, inside : str
        Classes: of the text field, and of the box that holds it, the pictures and the element.
    tag : str
        The elements that are counted from 0, each with a picture in it.
    """
    script = f"""
const box = this.closest('.{inside}');
const here = this.parentElement;
here.addEventListener('click', (event) => {{
  const all = [...here.querySelectorAll('{tag}')];
  const at = all.indexOf(event.target.closest('{tag}'));
  if (at < 0 || !event.target.closest('img, video, summary')) return;
  event.preventDefault();
  event.stopPropagation();
  const input = box.querySelector('.{field} input');
  input.value = at + ' ' + performance.now();
  input.dispatchEvent(new Event('input', {{bubbles: true}}));
}}, true);"""
    line = html.escape(" ".join(script.split()))
    return f"<img src='{_PIXEL}' alt='' style='display:none' onload=\"{line}\">"


def copies(source: str, inside: str) -> str:
    """Return an attribute that has a click copy the text of an element.

    Parameters
    ----------
    source, inside : str
        Classes: of the element, and of what holds both.
    """
    # Without a secure address there is no clipboard: the text is selected, for Ctrl+C. A field that
    # has the focus takes no key while something else is selected.
    script = f"""
const held = document.activeElement;
const text = this.closest('.{inside}').querySelector('.{source}');
getSelection().selectAllChildren(text);
if (navigator.clipboard) navigator.clipboard.writeText(text.textContent);
else document.execCommand('copy');
if (held && held.tagName === 'INPUT') {{ held.blur(); held.focus({{preventScroll: true}}); }}"""
    return f'onclick="{html.escape(" ".join(script.split()))}"'
