"""Puts a chapter into a page, in place of the one with this heading or at the end: chapter.py PAGE HEADING FILE."""
import re, sys

page, heading, file = sys.argv[1:]
text, chapter = open(page).read(), open(file).read().strip() + "\n"
old = re.compile(rf"^{re.escape(heading)}\n.*?(?=^## |\Z)", re.M | re.S)
if old.search(text):
    text = old.sub(lambda _: chapter + "\n", text).rstrip() + "\n"
else:
    text = text.rstrip() + "\n\n" + chapter
open(page, "w").write(text)
