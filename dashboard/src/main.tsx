import { render } from 'preact';
import { App } from './app.tsx';
import { Store } from './store.ts';
import { applyKeptTheme } from './theme-switch.tsx';

applyKeptTheme();
const store = new Store();
const page = document.getElementById('page');
if (page !== null) render(<App store={store} />, page);
store.start();
