// Returns the texts whose contrast with what is painted behind them is below 4.5, and how many there are in all.
function channels(colour) {
  const parts = colour.match(/[\d.]+/g).map(Number);
  return parts.length === 4 && parts[3] === 0 ? null : parts.slice(0, 3);
}
function luminance(parts) {
  const [r, g, b] = parts.map(part => part / 255).map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
function ground(element) {
  const box = element.closest("g") && element.closest("g").querySelector("rect");
  if (box) return channels(getComputedStyle(box).fill);
  for (let each = element; each; each = each.parentElement) {
    const found = channels(getComputedStyle(each).backgroundColor);
    if (found) return found;
  }
  return [255, 255, 255];
}
const weak = [];
let seen = 0;
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const element = walker.currentNode.parentElement;
  if (!walker.currentNode.data.trim() || !element.getClientRects().length || element.closest("script,noscript,title,desc")) continue;
  const style = getComputedStyle(element);
  const ink = channels(element.closest("svg") ? style.fill : style.color);
  const [dark, light] = [luminance(ink), luminance(ground(element))].sort((a, b) => a - b);
  const ratio = (light + 0.05) / (dark + 0.05);
  seen += 1;
  if (ratio < 4.5) weak.push(`${element.outerHTML.slice(0, 100)}: ${ratio.toFixed(2)}`);
}
return [weak, seen];
