// Shows /openapi.json. Without a validator, since Swagger UI would ask one on another site.
SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#routes",
  deepLinking: true,
  displayRequestDuration: true,
  validatorUrl: null,
});
