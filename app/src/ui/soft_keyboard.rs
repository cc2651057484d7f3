//! The keyboard on a phone's screen: iOS lays it over the page without telling the layout, so its height becomes the
//! variable `--kb`, and `kb-up` on the root says that it is there.
use leptos::prelude::*;
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::Closure;

use super::dom;

/// Smaller differences are toolbars that come and go.
const SMALLEST: f64 = 80.0;

/// Follows the keyboard as long as the window lives. Call it from an effect.
pub fn follow() {
    let Some(viewport) = window().visual_viewport() else { return };
    let on_change = Closure::<dyn FnMut()>::new(measure).into_js_value();
    for name in ["resize", "scroll"] {
        // silent-ok: the names are constants.
        let _ = viewport.add_event_listener_with_callback(name, on_change.unchecked_ref());
    }
}

fn measure() {
    let (Some(viewport), Some(root)) = (window().visual_viewport(), document().document_element()) else { return };
    let inner = window().inner_height().ok().and_then(|height| height.as_f64()).unwrap_or(0.0);
    let covered = inner - viewport.height() - viewport.offset_top();
    let is_up = dom::is_typing() && viewport.scale() == 1.0 && covered > SMALLEST;
    dom::set_style(&root, "--kb", &format!("{}px", if is_up { covered } else { 0.0 }));
    let classes = root.class_list();
    // silent-ok: the class name is a constant.
    let _ = if is_up { classes.add_1("kb-up") } else { classes.remove_1("kb-up") };
}
