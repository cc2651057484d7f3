//! The browser entry point: hydration and nothing else.

// The type of the whole page is computed here; its depth is that of the page.
#![recursion_limit = "512"]

/// Called once by the boot script after the module is instantiated.
#[wasm_bindgen::prelude::wasm_bindgen]
pub fn hydrate() {
    console_error_panic_hook::set_once();
    leptos::mount::hydrate_lazy(app::App);
}
