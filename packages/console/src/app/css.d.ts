/** esbuild collects imported stylesheets into `app.css`. */
declare module "*.css";
