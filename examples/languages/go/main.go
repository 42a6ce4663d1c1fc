package main

import (
	"example.com/pulumi-pulumi-django/sdk/go/pulumidjango"
	"example.com/pulumi-pulumi-django/sdk/go/pulumidjango/app"
	"example.com/pulumi-pulumi-django/sdk/go/pulumidjango/base"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi/config"
)

func main() {
	pulumi.Run(func(ctx *pulumi.Context) error {
		shared, err := base.NewAdHocBase(ctx, "shared", &base.AdHocBaseArgs{
			DomainName: pulumi.StringRef("example.com"),
		})
		if err != nil {
			return err
		}
		alpha, err := app.NewAdHocApp(ctx, "alpha", &app.AdHocAppArgs{
			Base:           shared,
			BackendImage:   config.Require(ctx, "image"),
			SettingsModule: "shop.settings.production",
			Web: &pulumidjango.WebOptionsArgs{
				CpuUnits:    pulumi.IntRef(512),
				MemoryMib:   pulumi.IntRef(1024),
				HealthCheck: &pulumidjango.HealthCheckArgs{Path: pulumi.StringRef("/health/")},
			},
			Workers: map[string]pulumidjango.WorkerOptionsArgs{"default": {}},
			Without: []string{"beat"},
			ExtraEnv: map[string]string{"LOG_LEVEL": "INFO"},
		})
		if err != nil {
			return err
		}
		ctx.Export("url", alpha.Url)
		ctx.Export("contract", shared.Contract)
		return nil
	})
}
