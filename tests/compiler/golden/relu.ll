; ModuleID = "relu"
target triple = "x86_64-unknown-linux-gnu"
target datalayout = ""

define void @"relu"(ptr %".1", i64 %".2", i64 %".3") nounwind
{
entry:
  br label %"body"
body:
  %".6" = getelementptr inbounds ptr, ptr %".1", i64 0
  %".7" = load ptr, ptr %".6"
  %".8" = getelementptr inbounds ptr, ptr %".1", i64 1
  %".9" = load ptr, ptr %".8"
  %".10" = mul nsw i64 %".2", 4
  %".11" = udiv i64 %".10", %".3"
  %".12" = add nsw i64 %".2", 1
  %".13" = mul nsw i64 %".12", 4
  %".14" = udiv i64 %".13", %".3"
  %".15" = icmp slt i64 %".11", %".14"
  br i1 %".15", label %"loop", label %"done"
loop:
  %".17" = phi  i64 [%".11", %"body"], [%".69", %"done.1"]
  %".18" = udiv i64 %".17", 4
  %".19" = urem i64 %".17", 4
  %".20" = mul nsw i64 %".18", 128
  %".21" = mul nsw i64 %".19", 32
  %".22" = add nsw i64 %".20", %".21"
  %".23" = getelementptr inbounds float, ptr %".7", i64 %".22"
  %".24" = getelementptr inbounds float, ptr %".23", i64 0
  %".25" = load <8 x float>, ptr %".24", align 4
  %".26" = getelementptr inbounds float, ptr %".24", i64 8
  %".27" = load <8 x float>, ptr %".26", align 4
  %".28" = getelementptr inbounds float, ptr %".24", i64 16
  %".29" = load <8 x float>, ptr %".28", align 4
  %".30" = getelementptr inbounds float, ptr %".24", i64 24
  %".31" = load <8 x float>, ptr %".30", align 4
  %".32" = mul nsw i64 %".18", 128
  %".33" = mul nsw i64 %".19", 32
  %".34" = add nsw i64 %".32", %".33"
  %".35" = getelementptr inbounds float, ptr %".9", i64 %".34"
  %".36" = fcmp ogt <8 x float> <float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0>, %".25"
  %".37" = select  <8 x i1> %".36", <8 x float> <float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0>, <8 x float> %".25"
  store <8 x float> %".37", ptr %".35", align 4
  %".39" = fcmp ogt <8 x float> <float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0>, %".27"
  %".40" = select  <8 x i1> %".39", <8 x float> <float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0>, <8 x float> %".27"
  %".41" = getelementptr inbounds float, ptr %".35", i64 8
  store <8 x float> %".40", ptr %".41", align 4
  %".43" = fcmp ogt <8 x float> <float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0>, %".29"
  %".44" = select  <8 x i1> %".43", <8 x float> <float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0>, <8 x float> %".29"
  %".45" = getelementptr inbounds float, ptr %".35", i64 16
  store <8 x float> %".44", ptr %".45", align 4
  %".47" = fcmp ogt <8 x float> <float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0>, %".31"
  %".48" = select  <8 x i1> %".47", <8 x float> <float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0>, <8 x float> %".31"
  %".49" = getelementptr inbounds float, ptr %".35", i64 24
  store <8 x float> %".48", ptr %".49", align 4
  %".51" = icmp slt i64 4, 4
  br i1 %".51", label %"loop.1", label %"done.1"
done:
  ret void
loop.1:
  %".53" = phi  i64 [4, %"loop"], [%".66", %"loop.1"]
  %".54" = mul nsw i64 %".53", 8
  %".55" = getelementptr inbounds float, ptr %".23", i64 %".54"
  %".56" = load <8 x float>, ptr %".55", align 4
  %".57" = mul nsw i64 %".18", 128
  %".58" = mul nsw i64 %".19", 32
  %".59" = add nsw i64 %".57", %".58"
  %".60" = mul nsw i64 %".53", 8
  %".61" = add nsw i64 %".59", %".60"
  %".62" = getelementptr inbounds float, ptr %".9", i64 %".61"
  %".63" = fcmp ogt <8 x float> <float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0>, %".56"
  %".64" = select  <8 x i1> %".63", <8 x float> <float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0>, <8 x float> %".56"
  store <8 x float> %".64", ptr %".62", align 4
  %".66" = add nsw i64 %".53", 1
  %".67" = icmp slt i64 %".66", 4
  br i1 %".67", label %"loop.1", label %"done.1"
done.1:
  %".69" = add nsw i64 %".17", 1
  %".70" = icmp slt i64 %".69", %".14"
  br i1 %".70", label %"loop", label %"done"
}
